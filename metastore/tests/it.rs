//! The service as clients see it: a server in this process over stores in memory, and a small client.

#[cfg(test)]
mod it {
    mod cas;
    mod catalogs;
    mod connections;
    mod constraints;
    mod databases;
    mod document;
    mod elsewhere;
    mod event_details;
    mod exchanges;
    mod expressions;
    mod filters;
    mod functions;
    mod harness;
    mod http;
    mod layouts;
    mod locks;
    mod marks;
    mod notifications;
    mod nulls;
    mod partition_projections;
    mod partition_specs;
    mod partitions;
    mod refs;
    mod registry;
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
