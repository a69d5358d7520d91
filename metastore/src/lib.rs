//! The room `metastore`.
