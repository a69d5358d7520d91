//! The binary `skep`.
fn main() {}
