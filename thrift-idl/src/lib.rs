//! The room `thrift-idl`.
