//! Listings: the keys of a ref in order, or the refs of a repository.

mod list;
mod page;
mod replies;
mod token;

pub(crate) use page::{Page, Query, Step};
