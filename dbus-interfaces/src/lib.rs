//! Typed proxies of Tenon's D-Bus interfaces.
