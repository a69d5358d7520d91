//! Answering: from the bytes of a call to the pieces of its answer, whatever carries the two.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use thrift_idl::reply::JAVA_FRAME_BYTES_MAX;
use thrift_idl::{ApplicationError, ApplicationErrorKind, Fields, Framing, Message, MessageKind, Wire};
use tokio::time::Instant;

use super::{Service, metric};
use crate::context::{Call, Context, Session};
use crate::exception::Failure;
use crate::registry::{Answer, Route};
use crate::stream::{Started, too_large};

/// Who calls, and what their calls mean that name nothing.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) context: Arc<Context>,
    pub(super) session: Arc<Session>,
}

/// Whom an answer is for.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) wire: Wire,
    pub(super) name: String,
    pub(super) seq: i32,
}

/// A call that is being answered.
pub(super) struct Pending {
    head: Head,
    oneway: bool,
    method: &'static str,
    /// How the method says that it failed; `None` for one that is unknown.
    raise: Option<fn(Failure) -> Answer>,
    began: Instant,
    work: Result<BoxFuture<'static, Answer>, ApplicationError>,
}

/// An answer of which a part is encoded and the rest will be.
pub(super) struct Outgoing {
    head: Head,
    method: &'static str,
    outcome: &'static str,
    began: Instant,
    rest: Option<Started>,
}

/// An answer of which the client has a part already, or that cannot be said.
#[derive(Debug, thiserror::Error)]
#[error("the answer of {method} broke off: {why}")]
pub(super) struct BrokenOff {
    method: &'static str,
    why: String,
}

impl Service {
    /// Decodes the call whose body is `body` and starts to answer it. `None` is the client's goodbye, to which
    /// nobody wants an answer.
    pub(super) fn begin(
        &self,
        caller: &Caller,
        wire: Wire,
        message: Message,
        body: &[u8],
    ) -> Option<Pending> {
        let route = self.routes.get(&message.name);
        let work = match check(&message) {
            Ok(()) if message.name == "shutdown" => return None,
            Ok(()) => self.start(caller, wire, &message.name, body, route),
            Err(error) => Err(error),
        };
        Some(Pending {
            oneway: message.kind == MessageKind::Oneway,
            method: route.map_or(metric::UNKNOWN, |route| route.method.name),
            raise: route.map(|route| route.raise),
            began: Instant::now(),
            work,
            head: Head {
                wire,
                name: message.name,
                seq: message.seq,
            },
        })
    }

    fn start(
        &self,
        caller: &Caller,
        wire: Wire,
        name: &str,
        body: &[u8],
        route: Option<&Route>,
    ) -> Result<BoxFuture<'static, Answer>, ApplicationError> {
        let route = route.ok_or_else(|| ApplicationError::unknown_method(name))?;
        let call = Call {
            context: Arc::clone(&caller.context),
            session: Arc::clone(&caller.session),
            protocol: wire.protocol,
        };
        route
            .start(call, body, &self.limits.message)
            .map_err(|error| unreadable(name, &error))
    }
}

/// Returns why a message is no call that can be answered.
fn check(message: &Message) -> Result<(), ApplicationError> {
    if !matches!(message.kind, MessageKind::Call | MessageKind::Oneway) {
        let text = "a server takes calls, no replies";
        return Err(ApplicationError::new(
            ApplicationErrorKind::InvalidMessageType,
            text,
        ));
    }
    match &message.fault {
        Some(fault) if message.name != "shutdown" => Err(unreadable(&message.name, fault)),
        _ => Ok(()),
    }
}

fn unreadable(name: &str, why: &dyn std::fmt::Display) -> ApplicationError {
    let text = format!("cannot read the call of {name}: {why}");
    ApplicationError::new(ApplicationErrorKind::ProtocolError, text)
}

impl Pending {
    /// Answers, and puts the first piece of the answer into the empty `out`; nothing if the call wants none.
    ///
    /// # Errors
    /// [`BrokenOff`], if the method has no way to say what happened.
    pub(super) async fn answer(self, out: &mut Vec<u8>) -> Result<Outgoing, BrokenOff> {
        let Pending {
            head,
            oneway,
            method,
            raise,
            began,
            work,
        } = self;
        let answer = match work {
            Ok(work) => AssertUnwindSafe(work)
                .catch_unwind()
                .await
                .map_err(|_| panicked(method)),
            Err(error) => Ok(Answer::Unanswerable(error)),
        };
        let mut outgoing = Outgoing {
            head,
            method,
            outcome: "ok",
            began,
            rest: None,
        };
        if oneway {
            return Ok(outgoing);
        }
        let failed = match answer {
            Ok(Answer::HangUp(why)) => return Err(outgoing.hung_up(why)),
            Ok(answer) => outgoing.put(answer, out).await.err(),
            Err(failure) => Some(failure),
        };
        if let Some(failure) = failed {
            outgoing.fail(raise, failure, out)?;
        }
        Ok(outgoing)
    }
}

impl Outgoing {
    /// Encodes an answer, or the beginning of a long one.
    async fn put(&mut self, answer: Answer, out: &mut Vec<u8>) -> Result<(), Failure> {
        let stream = match answer {
            Answer::Stream(stream) => stream,
            whole => return self.put_whole(whole, out),
        };
        // what the rows do may panic too; the method knows how to say so as long as nothing is sent
        let started = stream.start(self.head.wire, &self.head.name, self.head.seq, out);
        let started = AssertUnwindSafe(started).catch_unwind().await;
        let started = started.unwrap_or_else(|_| Err(panicked(self.method)))?;
        self.rest = Some(started).filter(|started| !started.is_whole());
        Ok(())
    }

    fn put_whole(&mut self, answer: Answer, out: &mut Vec<u8>) -> Result<(), Failure> {
        match answer {
            Answer::Reply { body, exception } => {
                self.outcome = exception.unwrap_or("ok");
                self.head.write(MessageKind::Reply, &*body, out)
            }
            Answer::Unanswerable(error) => {
                self.outcome = "TApplicationException";
                self.head.write(MessageKind::Exception, &error, out)
            }
            Answer::Stream(_) | Answer::HangUp(_) => Err(defect()),
        }
    }

    /// Encodes that the call failed.
    fn fail(
        &mut self,
        raise: Option<fn(Failure) -> Answer>,
        failure: Failure,
        out: &mut Vec<u8>,
    ) -> Result<(), BrokenOff> {
        out.clear();
        let text = failure.to_string();
        let said = raise.map(|raise| self.put_whole(raise(failure), out));
        match said {
            Some(Ok(())) => Ok(()),
            _ => Err(self.broken(text)),
        }
    }

    /// Puts the next piece into the empty `out`; leaves it empty when all has been put.
    ///
    /// # Errors
    /// [`BrokenOff`]: all that is left to do is to close the connection.
    pub(super) async fn next(&mut self, out: &mut Vec<u8>) -> Result<(), BrokenOff> {
        let Some(rest) = &mut self.rest else {
            return Ok(());
        };
        let next = AssertUnwindSafe(rest.next(self.head.wire.protocol, out));
        match next.catch_unwind().await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(failure)) => Err(self.broken(failure.to_string())),
            Err(_) => Err(self.broken("a handler panicked".into())),
        }
    }

    /// Returns whether there is no further piece.
    pub(super) fn is_whole(&self) -> bool {
        self.rest.is_none()
    }

    /// Counts the call as answered.
    pub(super) fn done(self) {
        let took = self.began.elapsed();
        metric::call(self.method, self.outcome, took);
        tracing::debug!(
            method = self.head.name,
            outcome = self.outcome,
            took_us = took.as_micros(),
            "call"
        );
    }

    fn hung_up(&self, why: String) -> BrokenOff {
        tracing::warn!(
            method = self.method,
            why,
            "the connection ends, as the original's does"
        );
        BrokenOff {
            method: self.method,
            why,
        }
    }

    fn broken(&self, why: String) -> BrokenOff {
        tracing::error!(method = self.method, why, "an answer broke off");
        BrokenOff {
            method: self.method,
            why,
        }
    }
}

impl Head {
    /// Appends a whole message to `out`.
    ///
    /// # Errors
    /// A [`Failure`] that names the limit, with `out` empty, if clients would not read so much.
    pub(super) fn write(
        &self,
        kind: MessageKind,
        body: &(dyn Fields + Send + Sync),
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let written = self.wire.write_message(out, &self.name, kind, self.seq, body);
        let framed = self.wire.framing == Framing::Framed;
        if written.is_err() || (framed && out.len() as u64 > JAVA_FRAME_BYTES_MAX + 4) {
            out.clear();
            return Err(too_large());
        }
        Ok(())
    }
}

fn panicked(method: &'static str) -> Failure {
    tracing::error!(method, "a handler panicked");
    defect()
}

fn defect() -> Failure {
    Failure::meta("internal error: this is a defect of skep; its log has more about it")
}
