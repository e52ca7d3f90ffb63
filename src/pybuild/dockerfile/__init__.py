"""The Dockerfile language: text → AST → typed instructions; word expansion; ignore patterns."""
