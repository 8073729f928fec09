//! Sessions: opening one on a provider, and whether a network takes what it will be given. Not here: running it.

use ort::{
    ep::{self, ExecutionProvider},
    session::{
        Session,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
    value::{TensorElementType, ValueType},
};

use super::{
    super::{EngineOptions, Manifest, Provider},
    Runtime,
};
use crate::detect::decode::declared_text;

/// What a session has to know of its network.
pub(super) struct Net<'a> {
    /// For the log.
    pub(super) name: &'a str,
    /// Name of the one input.
    pub(super) input: &'a str,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Whether it is also given less than that.
    pub(super) fitted: bool,
}

impl<'a> Net<'a> {
    pub(super) fn of(manifest: &'a Manifest) -> Self {
        let (width, height) = (manifest.tensor.width, manifest.tensor.height);
        Self { name: &manifest.name, input: &manifest.input, width, height, fitted: manifest.fitted }
    }
}

/// A session on one provider, or why not.
pub(super) fn open_session(
    runtime: &Runtime,
    net: &Net<'_>,
    options: &EngineOptions,
    weights: &[u8],
    provider: Provider,
) -> Result<Session, String> {
    let accelerator = provider != Provider::Cpu;
    if accelerator {
        let there = match provider {
            Provider::TensorRt => ep::TensorRT::is_available(),
            Provider::Cuda => ep::CUDA::is_available(),
            _ => ep::OpenVINO::is_available(),
        };
        if !there.map_err(|e| e.to_string())? {
            return Err(format!("{} was built without it", runtime.library.display()));
        }
    }
    let build = || -> ort::Result<SessionBuilder> {
        let mut builder = Session::builder(&runtime.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .with_inter_op_spinning(false)?
            .with_memory_pattern(true)?
            .with_log_id(net.name)?;
        match provider {
            Provider::TensorRt => tensorrt(net, options).register(&mut builder)?,
            Provider::Cuda => ep::CUDA::default().register(&mut builder)?,
            Provider::OpenVino => ep::OpenVINO::default().register(&mut builder)?,
            Provider::Cpu => {}
        }
        Ok(builder)
    };
    build().and_then(|mut builder| builder.commit_from_memory(weights)).map_err(|e| e.message().to_owned())
}

/// TensorRT builds one engine for all batch sizes; it takes minutes, so it is kept.
fn tensorrt(net: &Net<'_>, options: &EngineOptions) -> ep::TensorRT {
    let shape = |pictures: usize| format!("{}:{pictures}x3x{}x{}", net.input, net.height, net.width);
    let provider = ep::TensorRT::default()
        .with_profile_min_shapes(shape(1))
        .with_profile_opt_shapes(shape(options.max_batch.clamp(1, 8)))
        .with_profile_max_shapes(shape(options.max_batch.max(1)));
    match &options.cache {
        Some(cache) => provider
            .with_engine_cache(true)
            .with_engine_cache_path(cache.display())
            .with_timing_cache(true)
            .with_timing_cache_path(cache.display()),
        None => provider,
    }
}

/// Whether the network has one input, of f32 `[N,3,height,width]` with N open or 1; returns the pictures per run that it
/// allows, or what is wrong.
pub(super) fn check_input(session: &Session, net: &Net<'_>) -> Result<usize, String> {
    let names: Vec<&str> = session.inputs().iter().map(ort::value::Outlet::name).collect();
    let [input] = session.inputs() else {
        return Err(format!("must be one tensor, the network has {}: {}", names.len(), names.join(", ")));
    };
    if input.name() != net.input {
        return Err(format!("is called `{}`, the manifest names it `{}`", input.name(), net.input));
    }
    let shape = declared(input.dtype());
    if input.dtype().tensor_type() != Some(TensorElementType::Float32) {
        return Err(format!("`{}` is {}, needed is a tensor of f32", input.name(), input.dtype()));
    }
    let wanted = [3, net.height, net.width];
    let fits = shape.len() == 4 && shape[1..].iter().zip(wanted).all(|(d, w)| d.is_none_or(|d| d == w));
    let most = shape.first().copied().flatten().unwrap_or(usize::MAX);
    if !fits || (most != 1 && most != usize::MAX) {
        let [c, h, w] = wanted;
        return Err(format!(
            "`{}` has the shape {}, the manifest makes it [N,{c},{h},{w}] (N open or 1)",
            input.name(),
            declared_text(&shape)
        ));
    }
    if net.fitted && shape[2..].iter().any(Option::is_some) {
        return Err(format!(
            "`{}` has the shape {}, canvas = \"fitted\" in the manifest needs height and width open: export it so, or leave canvas out",
            input.name(),
            declared_text(&shape)
        ));
    }
    Ok(most)
}

/// Sizes of a tensor; `None` for those known only at run time.
pub(super) fn declared(value: &ValueType) -> Vec<Option<usize>> {
    value.tensor_shape().map(|shape| shape.iter().map(|d| usize::try_from(*d).ok()).collect()).unwrap_or_default()
}
