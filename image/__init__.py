"""How the action image is laid out: a closed prefix, and a root of links into it.

`dependencies` installs the libraries, `assemble` builds the prefix around them and the root
beside it, `program` adds the package itself. They run in the image's build stage only.
"""
