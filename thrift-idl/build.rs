//! Generates the types and methods of `idl/hive_metastore.thrift` into `OUT_DIR`.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

#[path = "generator/mod.rs"]
mod generator;

const IDL: &str = "idl/hive_metastore.thrift";

fn main() -> Result<(), Box<dyn Error>> {
    for input in [IDL, "generator", "build.rs"] {
        println!("cargo::rerun-if-changed={input}");
    }
    let idl = generator::parser::parse(&fs::read_to_string(IDL)?).map_err(|e| format!("{IDL}: {e}"))?;
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells build scripts where to write by the environment"
    )]
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("types.rs"), generator::emit::types(&idl))?;
    fs::write(Path::new(&out).join("methods.rs"), generator::emit::methods(&idl))?;
    Ok(())
}
