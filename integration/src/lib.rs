//! The room `integration`.
