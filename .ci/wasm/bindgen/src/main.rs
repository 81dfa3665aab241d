//! Makes the JavaScript beside the WASM module. Usage: bindgen MODULE.wasm DIRECTORY
//!
//! The directory gets the module without what only this program reads of it, `tidings_wasm.wasm`,
//! and `tidings_wasm.js` with its types.

#![forbid(unsafe_code)]

use std::error::Error;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<(), Box<dyn Error>> {
    let [module, directory]: [String; 2] = std::env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "usage: bindgen MODULE.wasm DIRECTORY")?;
    Bindgen::new()
        .input_path(module)
        .out_name("tidings_wasm")
        .web(true)?
        .omit_default_module_path(true)
        .typescript(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(directory)?;
    Ok(())
}
