//! One connection: calls are answered one after the other, in the order in which they came.

use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use thrift_idl::reply::JAVA_FRAME_BYTES_MAX;
use thrift_idl::{ApplicationError, ApplicationErrorKind, Fields, Framing, Message, MessageKind, Wire};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout};

use super::reader::{End, Reader};
use super::{Service, metric};
use crate::context::{Call, Session};
use crate::exception::Failure;
use crate::registry::{Answer, Route};
use crate::stream::{PIECE_BYTES, Started, too_large};

/// Serves a connection until one side ends it.
pub(super) async fn run<S>(stream: S, peer: SocketAddr, service: Arc<Service>)
where
    S: AsyncRead + AsyncWrite + Send,
{
    let _open = metric::Open::new();
    let (read, write) = tokio::io::split(stream);
    let reader = Reader::new(read, service.limits);
    let session = Arc::new(Session::default());
    let mut connection = Connection {
        reader,
        write,
        session,
        service,
        out: Vec::new(),
    };
    match connection.serve().await {
        Ok(()) | Err(End::Closed) => tracing::debug!(%peer, "connection closed"),
        Err(end @ (End::Foreign(_) | End::Garbage { .. })) => {
            tracing::warn!(%peer, reason = %end, "closing a connection");
        }
        Err(end) => tracing::debug!(%peer, reason = %end, "closing a connection"),
    }
}

struct Connection<S> {
    reader: Reader<ReadHalf<S>>,
    write: WriteHalf<S>,
    session: Arc<Session>,
    service: Arc<Service>,
    /// Where answers are encoded: used again and again.
    out: Vec<u8>,
}

/// Whether there will be another call.
#[derive(PartialEq, Eq)]
enum Next {
    Call,
    Goodbye,
}

impl<S: AsyncRead + AsyncWrite + Send> Connection<S> {
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
                    self.complain(&end).await;
                    return Err(end);
                }
            };
            if self.answer(wire, message).await? == Next::Goodbye {
                return Ok(());
            }
        }
    }

    /// Tells the sender of a message whose end cannot be found, before the connection is closed.
    async fn complain(&mut self, end: &End) {
        let End::Garbage {
            pending: Some((name, seq)),
            ..
        } = end
        else {
            return;
        };
        let Some(wire) = self.reader.wire() else { return };
        let error = ApplicationError::new(ApplicationErrorKind::ProtocolError, end.to_string());
        let head = Head {
            wire,
            name: name.clone(),
            seq: *seq,
        };
        if let Err(error) = self.send(&head, MessageKind::Exception, &error).await {
            tracing::debug!(%error, "the client does not listen any more");
        }
    }

    async fn answer(&mut self, wire: Wire, message: Message) -> Result<Next, End> {
        let started = Instant::now();
        let oneway = message.kind == MessageKind::Oneway;
        let service = Arc::clone(&self.service);
        let route = service.routes.get(&message.name);
        let begun = self.begin(wire, &message, route);
        self.reader.consume(&message);
        let head = Head {
            wire,
            name: message.name,
            seq: message.seq,
        };
        let answer = match begun {
            Ok(Some((route, future))) => AssertUnwindSafe(future)
                .catch_unwind()
                .await
                .unwrap_or_else(|_| panicked(route)),
            Ok(None) => return Ok(Next::Goodbye),
            Err(error) => Answer::Unanswerable(error),
        };
        let outcome = if oneway {
            "ok"
        } else {
            self.reply(&head, answer, route).await?
        };
        let method = route.map_or(metric::UNKNOWN, |route| route.method.name);
        let took = started.elapsed();
        metric::call(method, outcome, took);
        tracing::debug!(method = head.name, outcome, took_us = took.as_micros(), "call");
        Ok(Next::Call)
    }

    /// Decodes a call and starts to answer it. `None` is the client's goodbye.
    fn begin<'r>(
        &self,
        wire: Wire,
        message: &Message,
        route: Option<&'r Route>,
    ) -> Result<Option<(&'r Route, futures::future::BoxFuture<'static, Answer>)>, ApplicationError> {
        if !matches!(message.kind, MessageKind::Call | MessageKind::Oneway) {
            let text = "a server takes calls, no replies";
            return Err(ApplicationError::new(
                ApplicationErrorKind::InvalidMessageType,
                text,
            ));
        }
        if message.name == "shutdown" {
            return Ok(None);
        }
        if let Some(fault) = &message.fault {
            let text = format!("cannot read the call of {}: {fault}", message.name);
            return Err(ApplicationError::new(ApplicationErrorKind::ProtocolError, text));
        }
        let route = route.ok_or_else(|| ApplicationError::unknown_method(&message.name))?;
        let call = Call {
            context: Arc::clone(&self.service.context),
            session: Arc::clone(&self.session),
            protocol: wire.protocol,
        };
        let body = &self.reader.buffer()[message.body.clone()];
        match route.start(call, body, &self.service.limits.message) {
            Ok(future) => Ok(Some((route, future))),
            Err(error) => {
                let text = format!("cannot read the call of {}: {error}", message.name);
                Err(ApplicationError::new(ApplicationErrorKind::ProtocolError, text))
            }
        }
    }

    /// Sends an answer; returns how the call ended.
    async fn reply(
        &mut self,
        head: &Head,
        answer: Answer,
        route: Option<&Route>,
    ) -> Result<&'static str, End> {
        match answer {
            Answer::Reply { body, exception } => match self.send(head, MessageKind::Reply, &*body).await? {
                Sent::Done => Ok(exception.unwrap_or("ok")),
                Sent::TooLarge => self.fail(head, route, too_large()).await,
            },
            Answer::Unanswerable(error) => {
                self.send(head, MessageKind::Exception, &error).await?;
                Ok("TApplicationException")
            }
            Answer::Stream(stream) => {
                self.out.clear();
                // what the rows do may panic too; the route knows how to say so as long as nothing is sent
                let started = stream.start(head.wire, &head.name, head.seq, &mut self.out);
                match AssertUnwindSafe(started).catch_unwind().await {
                    Ok(Ok(started)) => self.stream(head, started).await,
                    Ok(Err(failure)) => self.fail(head, route, failure).await,
                    Err(_) => self.fail(head, route, defect()).await,
                }
            }
        }
    }

    async fn fail(
        &mut self,
        head: &Head,
        route: Option<&Route>,
        failure: Failure,
    ) -> Result<&'static str, End> {
        let answer = route.map(|route| (route.raise)(failure));
        match answer {
            Some(Answer::Reply { body, exception }) => {
                self.send(head, MessageKind::Reply, &*body).await?;
                Ok(exception.unwrap_or("ok"))
            }
            Some(Answer::Unanswerable(error)) => {
                self.send(head, MessageKind::Exception, &error).await?;
                Ok("TApplicationException")
            }
            Some(Answer::Stream(_)) | None => Err(End::Io(io::ErrorKind::InvalidData.into())),
        }
    }

    /// Sends a stream piece by piece. A failure on the way can only end the connection.
    async fn stream(&mut self, head: &Head, mut started: Started) -> Result<&'static str, End> {
        while !self.out.is_empty() {
            self.flush().await?;
            let next = AssertUnwindSafe(started.next(head.wire.protocol, &mut self.out));
            match next.catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => {
                    tracing::error!(method = head.name, %failure, "an answer broke off");
                    return Err(End::Io(io::Error::other("an answer broke off")));
                }
                Err(_) => return Err(End::Io(io::Error::other("a handler panicked"))),
            }
        }
        self.trim();
        Ok("ok")
    }

    async fn send(
        &mut self,
        head: &Head,
        kind: MessageKind,
        body: &(dyn Fields + Send + Sync),
    ) -> Result<Sent, End> {
        self.out.clear();
        let written = head
            .wire
            .write_message(&mut self.out, &head.name, kind, head.seq, body);
        let framed = head.wire.framing == Framing::Framed;
        if written.is_err() || (framed && self.out.len() as u64 > JAVA_FRAME_BYTES_MAX + 4) {
            self.out.clear();
            return Ok(Sent::TooLarge);
        }
        self.flush().await?;
        self.trim();
        Ok(Sent::Done)
    }

    /// Writes what is encoded, piece by piece: a deadline is for each.
    async fn flush(&mut self) -> Result<(), End> {
        let deadline = self.service.limits.write_deadline;
        for piece in self.out.chunks(PIECE_BYTES) {
            match timeout(deadline, self.write.write_all(piece)).await {
                Ok(written) => written?,
                Err(_) => return Err(End::Slow(deadline)),
            }
        }
        self.out.clear();
        Ok(())
    }

    /// Gives back what an unusually long answer took.
    fn trim(&mut self) {
        if self.out.capacity() > 2 * PIECE_BYTES {
            self.out = Vec::new();
        }
    }
}

/// Whether an answer went out.
#[derive(PartialEq, Eq)]
enum Sent {
    Done,
    TooLarge,
}

/// Whom an answer is for.
struct Head {
    wire: Wire,
    name: String,
    seq: i32,
}

fn panicked(route: &Route) -> Answer {
    tracing::error!(method = route.method.name, "a handler panicked");
    (route.raise)(defect())
}

fn defect() -> Failure {
    Failure::meta("internal error: this is a defect of skep; its log has more about it")
}

#[cfg(test)]
mod tests {
    use thrift_idl::methods::{
        AliveSince, AliveSinceArgs, GetAllTables, GetAllTablesArgs, GetTable, GetTableArgs, GetTableReply,
    };
    use thrift_idl::{Outcome, Scanner, decode};
    use tokio::io::AsyncReadExt;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::context::{Context, Listener};
    use crate::registry::Routes;
    use crate::server::Limits;

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
        run(server, peer, service).await;
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
        run(server, SocketAddr::from(([127, 0, 0, 1], 1)), service).await;
        // the clock of this test jumps to the next deadline when nothing else happens
        assert!(started.elapsed() >= deadline && started.elapsed() < 2 * deadline);
    }
}
