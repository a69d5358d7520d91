//! Objects: reading, writing, linking and removing them.

mod copy;
mod delete;
mod get;
mod put;
mod ranges;
