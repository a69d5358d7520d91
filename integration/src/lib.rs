//! Real clients against the whole of skep, and the rules of the house as tests.
//!
//! The Python and shell side (engines, demo, tests by real clients) is told of in `README.md` of this folder.
