//! Keeps the settings: numbered generations, checked by their owners.
//!
//! Reads the shipped schemas and the listen status; writes generations, candidates and the listen request below the
//! configuration directory, which it alone owns; owns the bus name `org.tenon.Cfgmgr1`. It knows no component: which
//! there are and what options they have is what the schemas say, and whether settings will do is what their owners
//! say. Nobody needs it to go on: daemons read the committed generation from the file at start.

pub mod keyring;
pub mod listen;
pub mod manager;
pub mod messages;
pub mod option;
pub mod owners;
pub mod schemas;
pub mod settings;
pub mod statistics;
pub mod storage;
pub mod virtual_module;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Parser;
use tenon_bus::{Bus, names};
use tenon_service::{BusEvent, CommonOptions, CurrentBus, Daemon, committed, log};

use listen::Listen;
use manager::bus::ManagerFace;
use manager::{Manager, Places};
use settings::CfgmgrSettings;
use storage::StorageError;
use storage::convert::convert;
use storage::engine::{Engine, Lock};
use storage::step::Steps;

/// Keeps the settings of Tenon's services in numbered generations
#[derive(Debug, Parser)]
#[command(name = "tenon-cfgmgr", version)]
pub struct CommandLine {
    #[command(flatten)]
    common: CommonOptions,
    /// Directory of the shipped schemas [default: share/tenon/schema of the prefix this program is installed in]
    #[arg(long, value_name = "DIRECTORY")]
    schema_dir: Option<PathBuf>,
    /// Directory of Tenon's daemons, for the checkers of those that are stopped [default: this program's]
    #[arg(long, value_name = "DIRECTORY")]
    libexec_dir: Option<PathBuf>,
    /// Where tenon-listen reports what came of the listen addresses
    #[arg(long, value_name = "FILE", default_value = "/run/tenon/listen-status.json")]
    listen_status: PathBuf,
    /// What keeps the settings
    #[arg(long, value_name = "ENGINE", value_enum, default_value_t = Engine::Directory, env = "TENON_STORAGE")]
    storage: Engine,
    /// Have this engine keep the settings from now on, with everything that is kept, and exit; no tenon-cfgmgr may run.
    /// Then start it with --storage
    #[arg(long, value_name = "ENGINE", value_enum)]
    convert: Option<Engine>,
    /// The user who is believed when it names the author of a change
    #[arg(long, value_name = "USER", default_value = "tenon-cmdctl", hide = true)]
    door_user: String,
}

/// The daemon, from its command line to its end.
pub fn run(command_line: CommandLine) -> ExitCode {
    run_with(command_line, Steps::default())
}

/// The same, with somebody asked before each step of a commit.
pub fn run_with(command_line: CommandLine, steps: Steps) -> ExitCode {
    let options = &command_line.common;
    if let Some(status) = options.answer::<CfgmgrSettings>() {
        return status;
    }
    if let Some(engine) = command_line.convert {
        return told(convert(&options.config_dir, engine));
    }
    log::start("tenon-cfgmgr");
    let committed = committed::read::<CfgmgrSettings>(&options.config_dir);
    let opened = Lock::take(&options.config_dir)
        .and_then(|lock| Ok((lock, open(&command_line, committed.settings.clone(), steps)?)));
    let (_lock, manager) = match opened {
        Ok((lock, manager)) => (lock, Arc::new(manager)),
        Err(error) => {
            tracing::error!(
                message_id = tenon_service::messages::FAILED,
                reason = %error,
                "cannot open the store of settings: {error}"
            );
            return ExitCode::FAILURE;
        }
    };
    let face = manager.clone();
    Daemon::new(manager.clone(), committed, names::CFGMGR)
        .objects(move |builder| builder.serve_at(names::CFGMGR_PATH, ManagerFace::new(face.clone())))
        .on_bus_event(reconciler(manager.clone()))
        .run(|running| async move {
            let bus = running.bus.clone();
            let told = |_| tell_generation(&manager, &bus);
            manager.keep_promises(running.bus.clone(), told).await;
            Ok(())
        })
}

/// Says what came of a conversion.
fn told(converted: Result<Option<usize>, StorageError>) -> ExitCode {
    match converted {
        Ok(None) => println!("the settings are kept so already; nothing is changed"),
        Ok(Some(generations)) => println!("converted, with {generations} generations"),
        Err(error) => {
            eprintln!("tenon-cfgmgr: cannot convert: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn open(command_line: &CommandLine, settings: CfgmgrSettings, steps: Steps) -> Result<Manager, StorageError> {
    let config = &command_line.common.config_dir;
    let own = std::env::current_exe().unwrap_or_default();
    let libexec = || own.parent().map(PathBuf::from).unwrap_or_default();
    let schemas = || match own.ancestors().nth(3) {
        Some(prefix) if prefix.join("share/tenon/schema").is_dir() => prefix.join("share/tenon/schema"),
        _ => PathBuf::from("/usr/share/tenon/schema"),
    };
    let places = Places {
        schemas: command_line.schema_dir.clone().unwrap_or_else(schemas),
        libexec: command_line.libexec_dir.clone().unwrap_or_else(libexec),
        listen: Listen { request: config.join("listen.json"), status: command_line.listen_status.clone() },
        door_user: command_line.door_user.clone(),
        keys: command_line.common.keys_dir.clone(),
        steps: steps.clone(),
    };
    Manager::new(command_line.storage.open(config, steps)?, places, settings)
}

/// A generation that came back by itself is told like any other; without a bus nobody listens.
async fn tell_generation(manager: &Arc<Manager>, bus: &CurrentBus) {
    if let Some(bus) = bus.get()
        && let Err(error) = ManagerFace::new(manager.clone()).tell_generation(&bus).await
    {
        tracing::debug!("the new generation could not be told: {error}");
    }
}

/// Gives every owner that appears the committed settings, if it has others.
fn reconciler(manager: Arc<Manager>) -> impl Fn(BusEvent) + Send + Sync {
    let current: Mutex<Option<Bus>> = Mutex::new(None);
    move |event| {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            BusEvent::Connected(bus) => {
                // The library knows no peer but others; this service owns settings too.
                catch_up(&manager, &bus, names::CFGMGR.to_owned());
                *current = Some(bus);
            }
            BusEvent::Disconnected => *current = None,
            BusEvent::PeerAppeared(name) => {
                if let Some(bus) = current.as_ref() {
                    catch_up(&manager, bus, name);
                }
            }
            BusEvent::PeerGone(name) => manager.forget(&name),
        }
    }
}

fn catch_up(manager: &Arc<Manager>, bus: &Bus, name: String) {
    let (manager, bus) = (manager.clone(), bus.clone());
    tokio::spawn(async move { manager.catch_up(&bus, &name).await });
}
