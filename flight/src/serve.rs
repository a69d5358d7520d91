//! The service on a socket.

use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::Flight;
use crate::service::Service;

/// How often a client that is silent is asked whether it is still there: what it has begun ends if it is not.
const ALIVE: Duration = Duration::from_secs(20);
/// A header of a request, of all of them together.
const HEADER_BYTES_MAX: u32 = 16 << 10;
/// A message of a client: a statement, a ticket.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Serves until `shutdown` is done and open requests are.
///
/// # Errors
/// Those of the socket.
pub async fn serve(
    listener: TcpListener,
    flight: Flight,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let service = FlightServiceServer::new(Service(flight)).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder()
        .http2_keepalive_interval(Some(ALIVE))
        .http2_keepalive_timeout(Some(ALIVE))
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, shutdown)
        .await
        .map_err(std::io::Error::other)
}
