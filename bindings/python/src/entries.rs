//! The Python objects that show the entries of a pool, made once for each.
//!
//! A selector written in Python is handed all candidates for every request; making their objects anew each time would
//! cost more than everything else. An entry that is changed is another entry, and is shown by another object.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use modelpool::ModelEntry;
use pyo3::prelude::*;

use crate::config::ModelConfig;
use crate::pool::Held;

type Shown = (Arc<ModelEntry>, Py<ModelConfig>);

/// What shows the entries of one pool.
#[derive(Default)]
pub(crate) struct Entries {
    /// By alias: at most one for each model of the pool, since those removed are forgotten.
    shown: Mutex<HashMap<Arc<str>, Shown>>,
    pool: Mutex<Weak<Held>>,
}

impl Entries {
    /// Says which pool they belong to.
    pub(crate) fn belong_to(&self, pool: &Arc<Held>) {
        *self.pool.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(pool);
    }

    /// What shows this entry.
    pub(crate) fn show(&self, py: Python<'_>, entry: &Arc<ModelEntry>) -> PyResult<Py<ModelConfig>> {
        let alias = &entry.config().alias;
        {
            // No Python runs while it is locked, so nobody waits for the interpreter here.
            let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((known, object)) = shown.get(alias)
                && Arc::ptr_eq(known, entry)
            {
                return Ok(object.clone_ref(py));
            }
        }
        let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let object = Py::new(py, ModelConfig::of_entry(py, entry, pool)?)?;
        let made = (Arc::clone(entry), object.clone_ref(py));
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shown.insert(Arc::clone(alias), made);
        drop(shown);
        drop(before);
        Ok(object)
    }

    /// Forgets a model that was removed.
    pub(crate) fn forget(&self, alias: &str) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shown.remove(alias);
        drop(shown);
        drop(before);
    }
}
