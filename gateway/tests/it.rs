//! The gateway over a socket, as clients see it.
