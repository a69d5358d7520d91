//! A client of another metastore: the codec on a socket, one call after the other.

use bytes::BytesMut;
use thrift_idl::types::Exception;
use thrift_idl::{
    ApplicationError, ApplicationErrorKind, Limits, MessageKind, Outcome, Rpc, Scanner, Wire, decode,
    decode_with,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most bytes that an answer may have, and that it may take when decoded: names of a million partitions fit.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Why a call had no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the connection failed: {0}")]
    Connection(#[from] std::io::Error),
    #[error("the metastore closed the connection in the midst of {method}")]
    Closed { method: &'static str },
    #[error("what {method} answered cannot be read: {fault}")]
    Unreadable {
        method: &'static str,
        fault: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the metastore does not know {method}")]
    Unknown { method: &'static str },
    #[error("{method}: {exception}")]
    Thrown {
        method: &'static str,
        exception: Exception,
    },
    #[error("{method}: {message}")]
    Failed { method: &'static str, message: String },
}

impl CallError {
    /// Returns whether what was asked for is not there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(
            self,
            CallError::Thrown {
                exception: Exception::NoSuchObjectException(_) | Exception::UnknownTableException(_),
                ..
            }
        )
    }
}

/// A connection as Hive's own clients open it: the strict binary protocol, not framed.
#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
    received: BytesMut,
    sequence: i32,
}

impl Client {
    /// Connects to `host:port`.
    pub(super) async fn connect(address: &str) -> Result<Client, CallError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Client {
            stream,
            received: BytesMut::new(),
            sequence: 0,
        })
    }

    /// Calls a method; `None` is the value of a void one.
    pub(super) async fn call<R: Rpc>(
        &mut self,
        args: &R::Args,
    ) -> Result<Option<<R::Reply as Outcome>::Success>, CallError> {
        let method = R::METHOD.name;
        let wire = Wire::default();
        self.sequence = self.sequence.wrapping_add(1);
        let mut bytes = Vec::new();
        wire.write_message(&mut bytes, method, MessageKind::Call, self.sequence, args)
            .map_err(|fault| unreadable(method, fault))?;
        self.stream.write_all(&bytes).await?;
        let limits = Limits {
            message_bytes_max: ANSWER_BYTES_MAX,
            decoded_bytes_max: 4 * ANSWER_BYTES_MAX,
            ..Limits::default()
        };
        self.received.clear();
        let mut scanner = Scanner::new(wire, limits);
        let message = loop {
            if let Some(message) = scanner
                .scan(&self.received)
                .map_err(|fault| unreadable(method, fault))?
            {
                break message;
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(CallError::Closed { method });
            }
        };
        let body = &self.received[message.body.clone()];
        if message.kind == MessageKind::Exception {
            let error = decode(wire.protocol, body).map_err(|fault| unreadable(method, fault))?;
            return Err(failed(method, error));
        }
        let reply: R::Reply =
            decode_with(wire.protocol, body, &limits).map_err(|fault| unreadable(method, fault))?;
        reply
            .into_result()
            .map_err(|exception| CallError::Thrown { method, exception })
    }

    /// As [`Client::call`], of what may not be there.
    pub(super) async fn find<R: Rpc>(
        &mut self,
        args: &R::Args,
    ) -> Result<Option<<R::Reply as Outcome>::Success>, CallError> {
        match self.call::<R>(args).await {
            Err(error) if error.is_missing() => Ok(None),
            answer => answer,
        }
    }
}

fn unreadable(method: &'static str, fault: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CallError {
    CallError::Unreadable {
        method,
        fault: fault.into(),
    }
}

fn failed(method: &'static str, error: ApplicationError) -> CallError {
    if error.kind == Some(ApplicationErrorKind::UnknownMethod as i32) {
        return CallError::Unknown { method };
    }
    CallError::Failed {
        method,
        message: error.message.unwrap_or_default(),
    }
}
