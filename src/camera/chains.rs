//! Decode chains: which decoders this machine really has, in order of preference. The files are
//! `pipelines/decode/*.toml`, built in and replaceable. Not here: decoding.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use super::{gst, packet::Codec};

/// The chains that come with the program: file name and text.
const BUILT_IN: [(&str, &str); 3] = [
    ("software.toml", include_str!("../../pipelines/decode/software.toml")),
    ("vaapi.toml", include_str!("../../pipelines/decode/vaapi.toml")),
    ("nvidia.toml", include_str!("../../pipelines/decode/nvidia.toml")),
];

/// One way to decode one codec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoder {
    /// The chain's name: `software`, `vaapi`, `nvidia`, or a file's own.
    pub chain: String,
    pub codec: Codec,
    /// Higher is tried first.
    pub rank: i32,
    /// `GStreamer` elements that must be there.
    pub elements: Vec<String>,
    /// What stands between the encoded packets and raw I420 or NV12 pictures, in `gst-launch` notation.
    pub pipeline: String,
}

/// A decoder that cannot be used here, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub decoder: Decoder,
    pub reason: String,
}

/// The decoders this machine has, and those it was found not to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecodeChains {
    /// Best first.
    usable: Vec<Arc<Decoder>>,
    refused: Vec<Refusal>,
}

/// Why a chain file was refused.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{file}: {message}")]
    Parse { file: String, message: String },
    #[error("{0} holds no *.toml file with a decode chain")]
    Empty(PathBuf),
    #[error("gstreamer does not start: {0}")]
    Start(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainWire {
    name: String,
    rank: i32,
    decoder: Vec<DecoderWire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecoderWire {
    codec: String,
    elements: Vec<String>,
    pipeline: String,
}

impl DecodeChains {
    /// Reads the chains of `folder`, or the built-in ones, and tries each on this machine: its elements must be
    /// registered and the whole chain must reach the READY state, where hardware is opened.
    ///
    /// # Errors
    /// A file that cannot be read or is not a chain; a folder without chains; `GStreamer` does not start.
    pub fn load(folder: Option<&Path>) -> Result<Self, ChainError> {
        gst::init().map_err(ChainError::Start)?;
        let mut decoders = Vec::new();
        match folder {
            None => {
                for (file, text) in BUILT_IN {
                    decoders.extend(parse(file, text)?);
                }
            }
            Some(folder) => {
                for (file, text) in read_folder(folder)? {
                    decoders.extend(parse(&file, &text)?);
                }
            }
        }
        Ok(Self::choose(decoders, gst::try_decoder))
    }

    /// Sorts what works, by `attempt`, from what does not.
    fn choose(mut decoders: Vec<Decoder>, attempt: impl Fn(&Decoder) -> Result<(), String>) -> Self {
        // Stable: within a rank the order of the file holds.
        decoders.sort_by_key(|d| std::cmp::Reverse(d.rank));
        let mut chains = Self::default();
        for decoder in decoders {
            match attempt(&decoder) {
                Ok(()) => chains.usable.push(Arc::new(decoder)),
                Err(reason) => chains.refused.push(Refusal { decoder, reason }),
            }
        }
        chains
    }

    /// The decoders for `codec`, best first. Those of the chain `preferred` come before all others; a preferred
    /// chain that is not usable is passed over (its reason is in [`Self::refused`]).
    #[must_use]
    pub fn candidates(&self, codec: Codec, preferred: Option<&str>) -> Vec<Arc<Decoder>> {
        let mut found: Vec<_> = self.usable.iter().filter(|d| d.codec == codec).cloned().collect();
        found.sort_by_key(|d| Some(d.chain.as_str()) != preferred);
        found
    }

    /// The decoder that a camera without a preference gets.
    #[must_use]
    pub fn chosen(&self, codec: Codec) -> Option<&Decoder> {
        self.usable.iter().find(|d| d.codec == codec).map(AsRef::as_ref)
    }

    /// Whether a chain of this name was read, usable or not: to check a camera's `decode` field.
    #[must_use]
    pub fn knows(&self, chain: &str) -> bool {
        self.usable.iter().any(|d| d.chain == chain) || self.refused.iter().any(|r| r.decoder.chain == chain)
    }

    /// Every decoder that works here, best first.
    #[must_use]
    pub fn usable(&self) -> &[Arc<Decoder>] {
        &self.usable
    }

    /// Every decoder that does not work here, with its reason.
    #[must_use]
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    /// Why nothing decodes `codec`, for a message.
    pub(super) fn why_not(&self, codec: Codec) -> String {
        let reasons: Vec<_> =
            self.refused.iter().filter(|r| r.decoder.codec == codec).map(|r| r.reason.as_str()).collect();
        if reasons.is_empty() { "no decode chain names it".to_owned() } else { reasons.join("; ") }
    }
}

fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, ChainError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| ChainError::Read { path, source }
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail(folder))? {
        let path = entry.map_err(fail(folder))?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(ChainError::Empty(folder.to_owned()));
    }
    paths.sort();
    paths.into_iter().map(|p| Ok((p.display().to_string(), fs::read_to_string(&p).map_err(fail(&p))?))).collect()
}

fn parse(file: &str, text: &str) -> Result<Vec<Decoder>, ChainError> {
    let fail = |message: String| ChainError::Parse { file: file.to_owned(), message };
    let wire: ChainWire = toml::from_str(text).map_err(|e| fail(e.to_string()))?;
    let decoders = wire.decoder.into_iter().map(|d| {
        let codec = Codec::ALL
            .into_iter()
            .find(|c| c.name() == d.codec)
            .ok_or_else(|| fail(format!("codec `{}` is not known: give h264 or h265", d.codec)))?;
        if d.pipeline.trim().is_empty() {
            return Err(fail(format!("the pipeline for {codec} is empty")));
        }
        Ok(Decoder { chain: wire.name.clone(), codec, rank: wire.rank, elements: d.elements, pipeline: d.pipeline })
    });
    decoders.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> Vec<Decoder> {
        BUILT_IN.iter().flat_map(|(file, text)| parse(file, text).unwrap()).collect()
    }

    /// Which elements exist → which element each codec is decoded by, with a preferred chain.
    fn check(exist: &[&str], preferred: Option<&str>, h264: Option<&str>, h265: Option<&str>) {
        let chains = DecodeChains::choose(built_in(), |d| {
            let missing = d.elements.iter().find(|e| !exist.contains(&e.as_str()));
            missing.map_or(Ok(()), |e| Err(format!("no element {e}")))
        });
        for (codec, expected) in [(Codec::H264, h264), (Codec::H265, h265)] {
            let first = chains.candidates(codec, preferred).first().map(|d| d.elements[0].clone());
            assert_eq!(first.as_deref(), expected, "{codec} of {exist:?}, {preferred:?}");
        }
        assert_eq!(chains.usable().len() + chains.refused().len(), built_in().len());
        assert!(chains.refused().iter().all(|r| r.reason.starts_with("no element ")));
    }

    #[test]
    fn the_best_chain_that_works_is_chosen() {
        let cpu = ["videoconvert", "avdec_h264", "openh264dec", "avdec_h265"];
        let with = |more: &[&'static str]| [&cpu[..], more].concat();
        check(&cpu, None, Some("avdec_h264"), Some("avdec_h265"));
        check(&["videoconvert", "openh264dec"], None, Some("openh264dec"), None);
        check(&with(&["vah264dec"]), None, Some("vah264dec"), Some("avdec_h265"));
        check(&with(&["vah264dec", "nvh264dec", "nvh265dec"]), None, Some("nvh264dec"), Some("nvh265dec"));
        check(&with(&["vah264dec", "nvh264dec"]), Some("vaapi"), Some("vah264dec"), Some("avdec_h265"));
        check(&with(&["nvh264dec"]), Some("software"), Some("avdec_h264"), Some("avdec_h265"));
        check(&cpu, Some("nvidia"), Some("avdec_h264"), Some("avdec_h265"));
        check(&[], None, None, None);
    }

    #[test]
    fn a_bad_chain_file_is_refused_with_its_name() {
        for (text, hint) in [
            ("name = 1", "name"),
            ("name = \"x\"\nrank = 1\nfoo = 2\ndecoder = []", "foo"),
            ("name=\"x\"\nrank=1\n[[decoder]]\ncodec=\"vp9\"\nelements=[]\npipeline=\"x\"", "vp9"),
            ("name=\"x\"\nrank=1\n[[decoder]]\ncodec=\"h264\"\nelements=[]\npipeline=\" \"", "empty"),
        ] {
            let error = parse("mine.toml", text).unwrap_err().to_string();
            assert!(error.contains("mine.toml") && error.contains(hint), "{error}");
        }
    }

    #[test]
    fn this_machine_decodes_both_codecs_and_says_what_it_lacks() {
        let chains = DecodeChains::load(None).unwrap();
        for codec in Codec::ALL {
            assert!(chains.chosen(codec).is_some(), "{codec}: {}", chains.why_not(codec));
        }
        assert!(chains.knows("nvidia") && !chains.knows("abacus"));
    }
}
