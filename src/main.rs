//! The command line: arguments, logging, exit code. Everything else is in the library.

use std::{io, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, ValueEnum};
use yunti::{
    access::Role,
    base::Secret,
    command,
    config::{Config, LogFormat},
    demo,
    device::DeviceKind,
    infer::EngineOptions,
    server, simulate, telemetry,
};

/// Real-time video analytics for residential compounds: keeps e-bikes out of lifts.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    Serve(ServeArgs),
    /// Run loopback cameras, a lift, a voice box, a light, a gate and the server, all real parts.
    Demo {
        /// Where the server listens.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Folder of the demo's clips.
        #[arg(long, default_value = "models/ebike/clips", env = "YUNTI_CLIPS")]
        clips: PathBuf,
        #[command(flatten)]
        models: ModelArgs,
    },
    /// Detect objects in pictures (JPEG, PNG, BMP); a line per picture.
    Detect {
        /// Name of the model, see `yunti model list`.
        #[arg(long, default_value = "ebike")]
        model: String,
        /// Print a JSON line per picture.
        #[arg(long)]
        json: bool,
        #[arg(required = true)]
        images: Vec<PathBuf>,
        #[command(flatten)]
        models: ModelArgs,
    },
    /// Run a simulated camera or device.
    #[command(subcommand)]
    Simulate(Simulate),
    /// Look after models.
    Model {
        #[command(subcommand)]
        action: ModelAction,
        #[command(flatten)]
        models: ModelArgs,
    },
    /// Copy a data folder, whole, while its server runs.
    Backup {
        /// The new folder of the backup.
        to: PathBuf,
        #[arg(long, default_value = "data")]
        data: PathBuf,
    },
    /// Put a backup into a new data folder, after comparing every file with its hash.
    Restore {
        /// The folder of the backup.
        from: PathBuf,
        #[arg(long, default_value = "data")]
        data: PathBuf,
    },
    /// Look after API tokens.
    #[command(subcommand)]
    Token(Token),
    /// Look after the audit log.
    #[command(subcommand)]
    Audit(Audit),
}

#[derive(Args)]
struct ServeArgs {
    /// Settings file; see docs/configuration.md.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Where the database, snapshots and clips are kept.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the server listens.
    #[arg(long)]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    models: ModelArgs,
}

#[derive(Args)]
struct ModelArgs {
    /// Folders of model folders, separated by `:`.
    #[arg(long, env = "YUNTI_MODELS", value_delimiter = ':')]
    models: Vec<PathBuf>,
    /// ONNX Runtime's libonnxruntime.so.
    #[arg(long, env = "ORT_DYLIB_PATH")]
    onnxruntime: Option<PathBuf>,
}

impl ModelArgs {
    fn onto(self, mut config: Config) -> Config {
        if !self.models.is_empty() {
            config.inference.models = self.models;
        }
        if self.onnxruntime.is_some() {
            config.inference.library = self.onnxruntime;
        }
        config
    }
}

#[derive(Subcommand)]
enum Simulate {
    /// Serve a clip in a loop as `rtsp://ADDR/live`, without re-encoding.
    Camera {
        #[arg(long)]
        clip: PathBuf,
        #[arg(long, default_value = "127.0.0.1:8554")]
        listen: SocketAddr,
        /// Damage every n-th picture that is not a key frame, to see what damage does.
        #[arg(long, value_name = "N")]
        damage: Option<u32>,
    },
    /// A lift controller.
    Lift(DeviceArgs),
    /// A voice box.
    Voice(DeviceArgs),
    /// An alarm light.
    Light(DeviceArgs),
    /// A gate.
    Gate(DeviceArgs),
}

#[derive(Args)]
struct DeviceArgs {
    /// The server, e.g. `http://127.0.0.1:8080`
    #[arg(long)]
    server: String,
    /// Certificate (PEM) that the server's own is signed by, or is, when it speaks TLS.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// The device's token, as `POST /api/v1/devices` returned it.
    #[arg(long, env = "YUNTI_DEVICE_TOKEN", hide_env_values = true)]
    token: String,
    /// Keeps what must survive a restart of the device (epoch, sequence, keys).
    #[arg(long)]
    state_file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum ModelAction {
    /// List the models that are there, and what is wrong with those that cannot be used.
    List,
    /// Check a model's folder: manifest, hash, shapes, a run.
    Check { dir: PathBuf },
    /// Fetch a model's weights from where its manifest says.
    Fetch { name: String },
    /// Write the alarms that guards have confirmed or rejected as COCO pictures, to adapt the e-bike model with.
    Export {
        /// The new folder of the export; it will hold pictures of residents.
        to: PathBuf,
        #[arg(long, default_value = "data")]
        data: PathBuf,
    },
    /// Train the e-bike model on an export and compare it with the one in use; see docs/adapting.md.
    Adapt(AdaptArgs),
}

#[derive(Args)]
struct AdaptArgs {
    /// Folder that `yunti model export` wrote.
    export: PathBuf,
    /// Folder of the training code, the model in use and the clips.
    #[arg(long, default_value = "models/ebike")]
    training: PathBuf,
    /// Python with what the training folder's requirements.txt lists; `work/venv/bin/python` there when left out.
    #[arg(long)]
    python: Option<PathBuf>,
    /// Base weights, `yolox_nano_coco_416.onnx`.
    #[arg(long, env = "YUNTI_BASE")]
    base: PathBuf,
    /// Renders to train on as well; `renders` in the training folder when left out.
    #[arg(long)]
    renders: Option<PathBuf>,
    /// Folder of the new model; a run that was stopped goes on there.
    #[arg(long, default_value = "adapted")]
    out: PathBuf,
    #[arg(long, default_value_t = 1500)]
    steps: u32,
}

impl From<AdaptArgs> for command::adapt::AdaptRequest {
    fn from(args: AdaptArgs) -> Self {
        Self {
            export: args.export,
            python: args.python.unwrap_or_else(|| args.training.join("work/venv/bin/python")),
            renders: args.renders.unwrap_or_else(|| args.training.join("renders")),
            training: args.training,
            base: args.base,
            out: args.out,
            steps: args.steps,
        }
    }
}

#[derive(Subcommand)]
enum Token {
    /// Make a token and print it, alone.
    Create {
        #[arg(long)]
        role: RoleArg,
        #[arg(long)]
        name: String,
        #[arg(long, default_value = "data")]
        data: PathBuf,
    },
}

#[derive(Subcommand)]
enum Audit {
    /// Check that no line was changed, taken out or put in; beside a running server or without one.
    Verify {
        #[arg(long, default_value = "data")]
        data: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleArg {
    Admin,
    Integrator,
    Operator,
    Viewer,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Admin => Self::Admin,
            RoleArg::Integrator => Self::Integrator,
            RoleArg::Operator => Self::Operator,
            RoleArg::Viewer => Self::Viewer,
        }
    }
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("yunti: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => {
            let mut config = args.config.as_deref().map_or_else(|| Ok(Config::default()), Config::load)?;
            config.data = args.data.unwrap_or(config.data);
            config.listen = args.listen.unwrap_or(config.listen);
            telemetry::log::to_stderr(config.log == LogFormat::Json);
            asynchronously(server::serve(args.models.onto(config)))
        }
        Command::Demo { listen, clips, models } => {
            telemetry::log::to_stderr(false);
            let config = Config { listen, ..Config::default() };
            asynchronously(demo::run(clips, models.onto(config)))
        }
        Command::Detect { model, json, images, models } => {
            let inference = models.onto(Config::default()).inference;
            let request = command::detect::DetectRequest {
                model: Some(model),
                images,
                json,
                models: inference.models,
                library: inference.library,
                options: EngineOptions::default(),
            };
            Ok(status(command::detect::detect(&request, &mut io::stdout(), &mut io::stderr())?))
        }
        Command::Simulate(what) => simulate(what),
        Command::Model { action, models } => {
            let inference = models.onto(Config::default()).inference;
            let (dirs, library, out) = (&inference.models, inference.library.as_deref(), &mut io::stdout());
            let unusable = match action {
                ModelAction::List => command::model::list(dirs, out)?,
                ModelAction::Check { dir } => {
                    command::model::check(&dir, library, &EngineOptions::default(), out).map(|()| 0)?
                }
                ModelAction::Fetch { name } => command::model::fetch(dirs, &name, out).map(|()| 0)?,
                ModelAction::Export { to, data } => return asynchronously(export(data, to)),
                ModelAction::Adapt(args) => usize::from(!command::adapt::adapt(&args.into(), out)?),
            };
            Ok(status(unusable))
        }
        Command::Audit(Audit::Verify { data }) => {
            command::audit::verify(&data, &mut io::stdout())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Backup { to, data } => {
            let (files, bytes) = command::backup::backup(&data, &to)?.size();
            println!("{files} files, {bytes} bytes in {}: it holds passwords and pictures, keep it safe", to.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Restore { from, data } => {
            let (files, bytes) = command::backup::restore(&from, &data)?.size();
            println!("{files} files, {bytes} bytes restored to {}", data.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Token(Token::Create { role, name, data }) => asynchronously(async move {
            let token = command::token::create(&data, Role::from(role).name(), &name).await?;
            println!("{}", token.expose());
            anyhow::Ok(())
        }),
    }
}

async fn export(data: PathBuf, to: PathBuf) -> anyhow::Result<()> {
    let exported = command::adapt::export(&data, &to).await?;
    let ([confirmed, confirmed_back], [rejected, rejected_back]) = (exported.confirmed, exported.rejected);
    println!(
        "to train on: {confirmed} confirmed, {rejected} rejected; held back: {confirmed_back} and {rejected_back}"
    );
    if exported.without_picture > 0 {
        println!("{} closed alarms have no picture any more", exported.without_picture);
    }
    println!("{} shows residents: delete it when the model is trained", to.display());
    Ok(())
}

fn simulate(what: Simulate) -> anyhow::Result<ExitCode> {
    telemetry::log::to_stderr(false);
    let (kind, args) = match what {
        Simulate::Camera { clip, listen, damage } => {
            let options = simulate::camera::CameraOptions { clip, listen, credentials: None, damage };
            simulate::camera::run(&options, &mut io::stdout())?;
            return Ok(ExitCode::SUCCESS);
        }
        Simulate::Lift(args) => (DeviceKind::Lift, args),
        Simulate::Voice(args) => (DeviceKind::Voice, args),
        Simulate::Light(args) => (DeviceKind::Light, args),
        Simulate::Gate(args) => (DeviceKind::Gate, args),
    };
    let args = simulate::SimulateArgs {
        state_file: args.state_file,
        ca: args.ca,
        ..simulate::SimulateArgs::new(args.server, Secret::new(args.token))
    };
    asynchronously(simulate::run(kind, args))
}

/// Exit status 1 when something was left out; it has been told already.
fn status(left_out: usize) -> ExitCode {
    if left_out == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs `work` to its end on a runtime of its own.
fn asynchronously<E>(work: impl Future<Output = Result<(), E>>) -> anyhow::Result<ExitCode>
where
    anyhow::Error: From<E>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work)?;
    Ok(ExitCode::SUCCESS)
}
