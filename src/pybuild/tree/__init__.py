"""The one idea of a tree that placement, rootfs, layers and the cache share."""
