"""The distribution API: pull and push images and blobs, with logins and mirrors."""
