//! The service as clients see it: a server in this process over stores in memory, and a small client.

#[cfg(test)]
mod it {
    mod cas;
    mod connections;
    mod databases;
    mod document;
    mod filters;
    mod functions;
    mod harness;
    mod http;
    mod locks;
    mod notifications;
    mod partitions;
    mod refs;
    mod roles;
    mod sasl;
    mod secrets;
    mod sessions;
    mod statistics;
    mod streams;
    mod tables;
    mod tls;
    mod transactions;
}
