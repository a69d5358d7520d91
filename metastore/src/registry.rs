//! Which function answers which method.
//!
//! Handlers are plain async functions from the method's arguments to its value. Each family of methods hands
//! in its [`Routes`]; what nobody registered is answered as unknown, and the connection goes on.

use std::collections::BTreeMap;
use std::future::Future;

use futures::FutureExt;
use futures::future::BoxFuture;
use thrift_idl::methods::METHODS;
use thrift_idl::{ApplicationError, DecodeError, Fields, Limits, Method, Outcome, Rpc, decode_with};

use crate::context::Call;
use crate::exception::{Failure, raise};
use crate::stream::{Listing, Stream};

/// A method whose arguments and reply can cross threads, as all can.
pub(crate) trait Servable: Rpc<Args: Send, Reply: Send + Sync> + 'static {}

impl<R: Rpc<Args: Send, Reply: Send + Sync> + 'static> Servable for R {}

/// The value of a method.
pub(crate) type Value<R> = <<R as Rpc>::Reply as Outcome>::Success;

/// What goes back to the client.
pub(crate) enum Answer {
    /// The reply of the method: its value, or an exception that it declares, whose name stands beside it.
    Reply {
        body: Box<dyn Fields + Send + Sync>,
        exception: Option<&'static str>,
    },
    /// A value with a long list in it.
    Stream(Stream),
    /// The method declares no exception that could say what happened.
    Unanswerable(ApplicationError),
    /// Nothing, and the connection ends, as the original's does; the text is for the log.
    HangUp(String),
}

/// How far a method is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// As the original does.
    Served,
    /// With an answer that says there is nothing, which is true.
    Empty,
}

type Run = dyn Fn(Call, &[u8], &Limits) -> Result<BoxFuture<'static, Answer>, DecodeError> + Send + Sync;

/// How one method is answered.
pub(crate) struct Route {
    pub(crate) method: &'static Method,
    pub(crate) state: State,
    /// Answers that something failed.
    pub(crate) raise: fn(Failure) -> Answer,
    run: Box<Run>,
}

impl Route {
    /// Decodes the arguments in `body` and starts to answer.
    ///
    /// # Errors
    /// [`DecodeError`] tells where the arguments are broken.
    pub(crate) fn start(
        &self,
        call: Call,
        body: &[u8],
        limits: &Limits,
    ) -> Result<BoxFuture<'static, Answer>, DecodeError> {
        (self.run)(call, body, limits)
    }
}

/// Routes by the names of their methods.
#[derive(Default)]
pub(crate) struct Routes {
    routes: BTreeMap<&'static str, Route>,
}

impl Routes {
    /// Adds a function that answers `R`.
    pub(crate) fn serve<R, F, A>(self, handler: F) -> Routes
    where
        R: Servable,
        F: Fn(Call, R::Args) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Value<R>, Failure>> + Send + 'static,
    {
        self.add::<R>(State::Served, move |call, args| {
            handler(call, args).map(reply::<R>).boxed()
        })
    }

    /// Adds a function that answers `R` with a long list.
    pub(crate) fn stream<R, F, A>(self, handler: F) -> Routes
    where
        R: Servable,
        F: Fn(Call, R::Args) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Listing<Value<R>>, Failure>> + Send + 'static,
    {
        let answer = |result: Result<Listing<_>, Failure>| match result {
            Ok(listing) => Answer::Stream(listing.around(|value| Box::new(R::Reply::success(value)))),
            Err(failure) => raise::<R>(failure),
        };
        self.add::<R>(State::Served, move |call, args| {
            handler(call, args).map(answer).boxed()
        })
    }

    /// Adds an answer to `R` that says there is nothing.
    pub(crate) fn empty<R>(self, nothing: fn() -> Value<R>) -> Routes
    where
        R: Servable,
    {
        self.add::<R>(State::Empty, move |_, _| {
            futures::future::lazy(move |_| reply::<R>(Ok(nothing()))).boxed()
        })
    }

    fn add<R: Servable>(
        mut self,
        state: State,
        answer: impl Fn(Call, R::Args) -> BoxFuture<'static, Answer> + Send + Sync + 'static,
    ) -> Routes {
        let run = move |call: Call, body: &[u8], limits: &Limits| {
            let args = decode_with::<R::Args>(call.protocol, body, limits)?;
            Ok(answer(call, args))
        };
        let route = Route {
            method: R::METHOD,
            state,
            raise: raise::<R>,
            run: Box::new(run),
        };
        self.routes.insert(R::METHOD.name, route);
        self
    }

    /// Returns both sets of routes as one.
    pub(crate) fn and(mut self, mut other: Routes) -> Routes {
        self.routes.append(&mut other.routes);
        self
    }

    /// Returns the route of a method.
    pub(crate) fn get(&self, name: &str) -> Option<&Route> {
        self.routes.get(name)
    }

    /// Returns all methods of the service by name, each with how far it is served.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&'static Method, Option<State>)> {
        METHODS
            .iter()
            .map(|method| (method, self.get(method.name).map(|route| route.state)))
    }
}

fn reply<R: Servable>(result: Result<Value<R>, Failure>) -> Answer {
    match result {
        Ok(value) => Answer::Reply {
            body: Box::new(R::Reply::success(value)),
            exception: None,
        },
        Err(failure) => raise::<R>(failure),
    }
}
