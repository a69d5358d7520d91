//! The service over a socket, with a made-up engine, as a client of Flight SQL sees it.

#[cfg(test)]
mod it {
    mod hostile;
    mod lists;
    mod rig;
    mod statements;
}
