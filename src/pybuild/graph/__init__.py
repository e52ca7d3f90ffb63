"""Instructions → stages and steps with inputs; cache keys; what must run and what is reused."""
