//! The room `gateway`.
