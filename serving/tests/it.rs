//! Connections over real sockets.

#[cfg(test)]
mod it {
    mod connections;
}
