//! A client that is no more than the codec on a socket: what it costs is small and the same for every server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use thrift_idl::{ApplicationError, Limits, Message, MessageKind, Outcome, Rpc, Scanner, Wire, decode};

use crate::Failure;

/// A connection, as Hive's own clients open it: the strict binary protocol, not framed.
pub(crate) struct Client {
    stream: TcpStream,
    sent: Vec<u8>,
    received: Vec<u8>,
    seq: i32,
}

/// The answer to a call, found and not decoded.
struct Answer {
    message: Message,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Result<Client, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Client {
            stream,
            sent: Vec::new(),
            received: Vec::new(),
            seq: 0,
        })
    }

    /// Calls a method and returns its value.
    pub(crate) fn call<R: Rpc>(&mut self, args: &R::Args) -> Result<<R::Reply as Outcome>::Success, Failure> {
        let answer = self.exchange::<R>(args)?;
        let value = self.reply::<R>(&answer)?;
        value.ok_or_else(|| format!("{} answered no value", R::METHOD.name).into())
    }

    /// Calls a method whose value does not matter; `None` is the value of a void one.
    pub(crate) fn run<R: Rpc>(&mut self, args: &R::Args) -> Result<(), Failure> {
        let answer = self.exchange::<R>(args)?;
        self.reply::<R>(&answer).map(drop)
    }

    /// Calls a method and returns the number of bytes of its answer, which is read to its end and not decoded.
    pub(crate) fn skim<R: Rpc>(&mut self, args: &R::Args) -> Result<usize, Failure> {
        let answer = self.exchange::<R>(args)?;
        match answer.message.body.len() {
            // an exception, or nothing: see which
            small if small < 1_000 => self.reply::<R>(&answer).map(|_| small),
            large => Ok(large),
        }
    }

    fn exchange<R: Rpc>(&mut self, args: &R::Args) -> Result<Answer, Failure> {
        self.seq += 1;
        self.sent.clear();
        Wire::default().write_message(&mut self.sent, R::METHOD.name, MessageKind::Call, self.seq, args)?;
        self.stream.write_all(&self.sent)?;
        self.received.clear();
        let limits = Limits {
            message_bytes_max: 1 << 40,
            ..Limits::default()
        };
        let mut scanner = Scanner::new(Wire::default(), limits);
        let mut piece = vec![0; 256 << 10];
        loop {
            let read = self.stream.read(&mut piece)?;
            if read == 0 {
                return Err(format!("{}: the server closed the connection", R::METHOD.name).into());
            }
            self.received.extend_from_slice(&piece[..read]);
            if let Some(message) = scanner.scan(&self.received)? {
                return Ok(Answer { message });
            }
        }
    }

    fn reply<R: Rpc>(&self, answer: &Answer) -> Result<Option<<R::Reply as Outcome>::Success>, Failure> {
        let Answer { message } = answer;
        let body = &self.received[message.body.clone()];
        let protocol = Wire::default().protocol;
        if message.kind == MessageKind::Exception {
            let error: ApplicationError = decode(protocol, body)?;
            return Err(format!("{}: {:?}", R::METHOD.name, error.message).into());
        }
        let reply: R::Reply = thrift_idl::decode_with(
            protocol,
            body,
            &Limits {
                message_bytes_max: 1 << 40,
                decoded_bytes_max: 1 << 40,
                ..Limits::default()
            },
        )?;
        reply
            .into_result()
            .map_err(|thrown| format!("{}: {thrown}", R::METHOD.name).into())
    }
}
