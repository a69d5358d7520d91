//! One connection: calls are answered one after the other, in the order in which they came.

use std::net::SocketAddr;
use std::sync::Arc;

use thrift_idl::{ApplicationError, ApplicationErrorKind, DetectError, Message, MessageKind, Wire};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::answer::{Caller, Head, Pending};
use super::reader::{End, Reader};
use super::{Service, metric, sasl};
use crate::context::Session;
use crate::stream::PIECE_BYTES;

/// Serves a connection until one side ends it.
pub(super) async fn run<S>(stream: S, peer: SocketAddr, service: Arc<Service>, session: Session)
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let _open = metric::Open::new();
    let caller = Caller {
        context: Arc::clone(&service.context),
        session: Arc::new(session),
    };
    let mut connection = Connection {
        reader: Reader::new(stream, service.limits),
        caller,
        service,
    };
    let ended = connection.serve().await;
    if !matches!(ended, Err(End::Slow(_) | End::Cut | End::Io(_))) {
        // over TLS this tells an end from a cut
        let goodbye = connection.reader.stream().shutdown();
        if let Ok(Err(error)) = timeout(connection.service.limits.write_deadline, goodbye).await {
            tracing::debug!(%peer, %error, "the client is gone already");
        }
    }
    match ended {
        Ok(()) | Err(End::Closed) => tracing::debug!(%peer, "connection closed"),
        Err(end @ (End::Foreign(_) | End::Garbage { .. })) => {
            tracing::warn!(%peer, reason = %end, "closing a connection");
        }
        Err(end) => tracing::debug!(%peer, reason = %end, "closing a connection"),
    }
}

/// A connection. While it waits for a call it keeps no buffer, and its future stays small: clients hold many
/// connections that they hardly use.
struct Connection<S> {
    reader: Reader<S>,
    caller: Caller,
    service: Arc<Service>,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Connection<S> {
    async fn serve(&mut self) -> Result<(), End> {
        let stop = self.service.stop.clone();
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                next = self.reader.next() => next,
            };
            let (wire, message) = match next {
                Ok(next) => next,
                Err(end) => {
                    Box::pin(self.complain(&end)).await;
                    return Err(end);
                }
            };
            match self.begin(wire, message) {
                Some(pending) => Box::pin(self.answer(pending)).await?,
                None => return Ok(()),
            }
        }
    }

    fn begin(&mut self, wire: Wire, message: Message) -> Option<Pending> {
        let end = message.end;
        let body = message.body.clone();
        let body = &self.reader.buffer()[body];
        let pending = self.service.begin(&self.caller, wire, message, body);
        self.reader.consume(end);
        pending
    }

    /// Sends an answer piece by piece. A failure on the way can only end the connection.
    async fn answer(&mut self, pending: Pending) -> Result<(), End> {
        let mut out = Vec::new();
        let mut outgoing = pending.answer(&mut out).await?;
        while !out.is_empty() {
            self.send(&mut out).await?;
            outgoing.next(&mut out).await?;
        }
        outgoing.done();
        Ok(())
    }

    /// Tells a client why its connection is closed, as far as it would understand.
    async fn complain(&mut self, end: &End) {
        let told = match end {
            End::Garbage {
                pending: Some((name, seq)),
                ..
            } => self.complain_of(end, name, *seq).await,
            End::Foreign(DetectError::Other("sasl")) => {
                let deadline = self.service.limits.write_deadline;
                let told = timeout(deadline, sasl::decline(self.reader.stream())).await;
                told.map_or(Err(End::Slow(deadline)), |told| Ok(told?))
            }
            _ => Ok(()),
        };
        if let Err(error) = told {
            tracing::debug!(%error, "the client does not listen any more");
        }
    }

    /// Tells the sender of a message whose end cannot be found.
    async fn complain_of(&mut self, end: &End, name: &str, seq: i32) -> Result<(), End> {
        let Some(wire) = self.reader.wire() else {
            return Ok(());
        };
        let error = ApplicationError::new(ApplicationErrorKind::ProtocolError, end.to_string());
        let head = Head {
            wire,
            name: name.to_owned(),
            seq,
        };
        let mut out = Vec::new();
        match head.write(MessageKind::Exception, &error, &mut out) {
            Ok(()) => self.send(&mut out).await,
            Err(_) => Ok(()),
        }
    }

    /// Writes what is encoded, piece by piece: a deadline is for each.
    async fn send(&mut self, out: &mut Vec<u8>) -> Result<(), End> {
        let deadline = self.service.limits.write_deadline;
        let stream = self.reader.stream();
        let slow = |_| End::Slow(deadline);
        for piece in out.chunks(PIECE_BYTES) {
            timeout(deadline, stream.write_all(piece)).await.map_err(slow)??;
        }
        timeout(deadline, stream.flush()).await.map_err(slow)??;
        out.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use thrift_idl::methods::{
        AliveSince, AliveSinceArgs, GetAllTables, GetAllTablesArgs, GetTable, GetTableArgs, GetTableReply,
    };
    use thrift_idl::{Outcome, Scanner, decode};
    use tokio::io::AsyncReadExt;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::context::{Context, Listener};
    use crate::registry::Routes;
    use crate::server::{Door, Limits};

    async fn service(routes: Routes) -> Arc<Service> {
        let (repositories, repository) = testkit::repository(1).await.unwrap();
        let listener = Listener {
            repository: repository.record().name.clone(),
            reference: None,
            scheme: "s3a".into(),
        };
        let clock = Arc::new(testkit::SteppingClock::default());
        let context = Arc::new(Context::new(repositories, listener, clock));
        Arc::new(Service {
            context,
            routes,
            limits: Limits::default(),
            door: Door::default(),
            stop: CancellationToken::new(),
        })
    }

    /// Sends calls of both methods, and returns the answers.
    async fn exchange(service: Arc<Service>) -> Vec<(Message, Vec<u8>)> {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let wire = Wire::default();
        let mut bytes = Vec::new();
        let args = GetTableArgs::default();
        wire.write_message(&mut bytes, "get_table", MessageKind::Call, 1, &args)
            .unwrap();
        wire.write_message(&mut bytes, "aliveSince", MessageKind::Call, 2, &AliveSinceArgs {})
            .unwrap();
        wire.write_message(&mut bytes, "shutdown", MessageKind::Oneway, 3, &AliveSinceArgs {})
            .unwrap();
        client.write_all(&bytes).await.unwrap();
        run(server, peer, service, Session::default()).await;
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        let mut messages = Vec::new();
        let mut rest = &received[..];
        while let Some(message) = Scanner::new(wire, Default::default()).scan(rest).unwrap() {
            let body = rest[message.body.clone()].to_vec();
            rest = &rest[message.end..];
            messages.push((message, body));
        }
        messages
    }

    #[tokio::test]
    async fn a_panic_ends_a_call_and_nothing_else() {
        let routes = Routes::default()
            .serve::<GetTable, _, _>(async |_, _| panic!("a defect"))
            .serve::<AliveSince, _, _>(async |_, _| Ok(5));
        let messages = exchange(service(routes).await).await;
        assert_eq!(messages.len(), 2);
        let reply: GetTableReply = decode(Wire::default().protocol, &messages[0].1).unwrap();
        let thrown = reply.into_result().unwrap_err();
        assert_eq!(thrown.name(), "MetaException");
        assert!(thrown.message().unwrap().starts_with("internal error"));
        assert_eq!((messages[1].0.kind, messages[1].0.seq), (MessageKind::Reply, 2));
    }

    #[tokio::test]
    async fn what_is_not_registered_is_unknown() {
        let routes = Routes::default().serve::<AliveSince, _, _>(async |_, _| Ok(5));
        let messages = exchange(service(routes).await).await;
        let error: ApplicationError = decode(Wire::default().protocol, &messages[0].1).unwrap();
        assert_eq!(error, ApplicationError::unknown_method("get_table"));
        assert_eq!(messages[1].0.kind, MessageKind::Reply);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_let_go() {
        let routes = Routes::default()
            .serve::<GetAllTables, _, _>(async |_, _| Ok(vec!["a long name".to_owned(); 100_000]));
        let service = service(routes).await;
        let deadline = service.limits.write_deadline;
        let (mut client, server) = tokio::io::duplex(1 << 10);
        let mut bytes = Vec::new();
        let args = GetAllTablesArgs::default();
        let wire = Wire::default();
        wire.write_message(&mut bytes, "get_all_tables", MessageKind::Call, 1, &args)
            .unwrap();
        client.write_all(&bytes).await.unwrap();
        let started = Instant::now();
        run(
            server,
            SocketAddr::from(([127, 0, 0, 1], 1)),
            service,
            Session::default(),
        )
        .await;
        // the clock of this test jumps to the next deadline when nothing else happens
        assert!(started.elapsed() >= deadline && started.elapsed() < 2 * deadline);
    }
}
