//! The crates of the workspace that are published.

use serde_json::Value;

use crate::Error;

/// A crate that is published.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) name: String,
    pub(crate) version: String,
    /// `true` if it has a library, and not only programs.
    pub(crate) is_library: bool,
}

/// The crates of the workspace, without those whose `Cargo.toml` says `publish = false`.
pub(crate) fn published() -> Result<Vec<Published>, Error> {
    Ok(members()?.iter().filter(|member| is_published(member)).filter_map(describe).collect())
}

/// The names of the others.
pub(crate) fn unpublished() -> Result<Vec<String>, Error> {
    let members = members()?;
    let others = members.iter().filter(|member| !is_published(member));
    Ok(others.filter_map(|member| text(member, "name")).collect())
}

fn members() -> Result<Vec<Value>, Error> {
    let metadata =
        crate::output(crate::cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    match serde_json::from_slice::<Value>(&metadata)?.get_mut("packages").map(Value::take) {
        Some(Value::Array(packages)) => Ok(packages),
        _ => Err("cargo metadata printed no packages".into()),
    }
}

/// `publish` is null, or the registries that it may go to.
fn is_published(member: &Value) -> bool {
    member
        .get("publish")
        .is_none_or(|registries| registries.as_array().is_none_or(|all| !all.is_empty()))
}

fn describe(member: &Value) -> Option<Published> {
    let targets = member.get("targets")?.as_array()?;
    let kinds = targets.iter().filter_map(|target| target.get("kind")?.as_array());
    Some(Published {
        name: text(member, "name")?,
        version: text(member, "version")?,
        is_library: kinds.flatten().any(|kind| kind == "lib" || kind == "rlib"),
    })
}

fn text(member: &Value, key: &str) -> Option<String> {
    member.get(key)?.as_str().map(str::to_owned)
}
