//! Query in, response out, over zone images.
