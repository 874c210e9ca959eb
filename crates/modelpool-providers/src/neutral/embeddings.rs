//! Texts to be made into vectors, and the vectors.

use serde_json::Value;

/// Most texts of one request: OpenAI's own limit, <https://platform.openai.com/docs/api-reference/embeddings/create>.
pub(crate) const MAX_INPUTS: usize = 2048;

/// What is to be made into vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ToEmbed {
    pub(crate) inputs: Inputs,
    /// Numbers in each vector, where the model's own count is not wanted.
    pub(crate) dimensions: Option<u32>,
    /// What the vectors are for: `search_document`, `search_query`, `classification`, `clustering`, or a word of
    /// the caller's.
    pub(crate) purpose: Option<String>,
    /// Members of the caller's that no wire has a place for.
    pub(crate) dropped: Vec<String>,
}

/// Texts, or texts already made into the numbers of tokens, which only their own model can read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Inputs {
    Texts(Vec<String>),
    Tokens(Vec<Vec<u64>>),
}

/// The vectors, in the order of their inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Embeddings {
    pub(crate) vectors: Vec<Vec<f32>>,
    /// Tokens of the inputs, where the vendor says.
    pub(crate) input_tokens: Option<u64>,
}

impl Default for Inputs {
    fn default() -> Self {
        Inputs::Texts(Vec::new())
    }
}

impl Inputs {
    pub(crate) fn len(&self) -> usize {
        match self {
            Inputs::Texts(texts) => texts.len(),
            Inputs::Tokens(lists) => lists.len(),
        }
    }
}

impl ToEmbed {
    /// The same with a part of the inputs at a time, each of at most `most`.
    pub(crate) fn parts(self, most: usize) -> Vec<ToEmbed> {
        fn cut<T: Clone>(list: Vec<T>, most: usize) -> Vec<Vec<T>> {
            match list.len() <= most {
                true => vec![list],
                false => list.chunks(most.max(1)).map(<[T]>::to_vec).collect(),
            }
        }
        let inputs: Vec<Inputs> = match self.inputs {
            Inputs::Texts(texts) => cut(texts, most).into_iter().map(Inputs::Texts).collect(),
            Inputs::Tokens(lists) => cut(lists, most).into_iter().map(Inputs::Tokens).collect(),
        };
        let part = |inputs| ToEmbed {
            inputs,
            dimensions: self.dimensions,
            purpose: self.purpose.clone(),
            dropped: self.dropped.clone(),
        };
        inputs.into_iter().map(part).collect()
    }
}

impl Embeddings {
    /// Adds those of the next inputs.
    pub(crate) fn extend(&mut self, next: Embeddings) {
        self.vectors.extend(next.vectors);
        let both = self.input_tokens.zip(next.input_tokens);
        self.input_tokens = both.map(|(before, more)| before.saturating_add(more));
    }
}

/// One vector for each of so many `inputs`, from the values of `list`, each of which `of` finds a vector in.
/// `name` is what the list is called.
pub(crate) fn vectors<'a>(
    list: &'a [Value],
    inputs: usize,
    name: &str,
    of: impl Fn(&'a Value) -> Option<&'a Value>,
) -> Result<Vec<Vec<f32>>, String> {
    let read: Option<Vec<Vec<f32>>> = list.iter().map(|item| of(item).and_then(vector)).collect();
    match read {
        None => Err(format!(
            "the answer's `{name}` hold something that is not a vector"
        )),
        Some(vectors) if vectors.len() != inputs => Err(format!(
            "the answer has {} `{name}` for {inputs} inputs",
            vectors.len()
        )),
        Some(vectors) => Ok(vectors),
    }
}

/// `None` where it is no list of numbers, or an empty one.
fn vector(value: &Value) -> Option<Vec<f32>> {
    let numbers = value.as_array().filter(|numbers| !numbers.is_empty())?;
    let numbers = numbers
        .iter()
        .map(|number| number.as_f64().map(|number| number as f32));
    numbers
        .map(|number| number.filter(|number| number.is_finite()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_cut_and_vectors_put_together() {
        let asked = ToEmbed {
            inputs: Inputs::Texts(vec!["a".into(), "b".into(), "c".into()]),
            dimensions: Some(2),
            ..ToEmbed::default()
        };
        let parts = asked.clone().parts(2);
        let lengths: Vec<usize> = parts.iter().map(|part| part.inputs.len()).collect();
        assert_eq!((lengths, parts[1].dimensions), (vec![2, 1], Some(2)));
        assert_eq!(asked.clone().parts(3), [asked]);

        let of = |number: f32, input_tokens| Embeddings {
            vectors: vec![vec![number]],
            input_tokens,
        };
        let mut all = of(1.0, Some(3));
        all.extend(of(2.0, Some(4)));
        assert_eq!((all.vectors.len(), all.input_tokens), (2, Some(7)));
        // A sum with a part missing would be wrong.
        all.extend(of(3.0, None));
        assert_eq!(all.input_tokens, None);
    }
}
