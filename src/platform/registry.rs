//! The platforms this program knows. The built-in ones are registered first; a program that uses this crate may add
//! its own.

use std::sync::{LazyLock, PoisonError, RwLock, RwLockReadGuard};

use super::{BUILT_IN, Profile};

static REGISTRY: LazyLock<RwLock<Vec<&'static Profile>>> = LazyLock::new(|| {
    let mut profiles = Vec::new();
    for profile in BUILT_IN {
        add(&mut profiles, profile).expect("the built-in platforms have different names");
    }
    RwLock::new(profiles)
});

/// A platform of this name is registered already.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a platform named `{0}` is registered already: choose another name")]
pub struct NameTaken(pub &'static str);

/// Adds a platform. Call it before the config is read: `platform = "…"` in an app's section finds it by its name.
pub fn register(profile: &'static Profile) -> Result<(), NameTaken> {
    add(&mut REGISTRY.write().unwrap_or_else(PoisonError::into_inner), profile)
}

/// All registered platforms, the built-in ones first.
pub fn profiles() -> Vec<&'static Profile> {
    registered().clone()
}

/// The profile of a platform by the name used in the config.
pub fn profile(name: &str) -> Option<&'static Profile> {
    registered().iter().copied().find(|profile| profile.name == name)
}

fn registered() -> RwLockReadGuard<'static, Vec<&'static Profile>> {
    REGISTRY.read().unwrap_or_else(PoisonError::into_inner)
}

fn add(profiles: &mut Vec<&'static Profile>, new: &'static Profile) -> Result<(), NameTaken> {
    if profiles.iter().any(|profile| profile.name == new.name) {
        return Err(NameTaken(new.name));
    }
    profiles.push(new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, NameTaken, profile, profiles, register};

    #[test]
    fn a_name_is_registered_once() {
        let built_in = BUILT_IN[0];
        assert_eq!(register(built_in), Err(NameTaken(built_in.name)));
        assert_eq!(profiles().iter().filter(|profile| profile.name == built_in.name).count(), 1);
        assert!(profile("no such platform").is_none());
    }
}
