//! The limits of profiles and open tasks, and the numbers of tasks at which something counts.

/// Tasks of one agent that are open at once. When one more begins, the one that was idle longest
/// ends, and is counted.
pub const OPEN_TASKS_MAX: usize = 16;
/// A task that ends because another one begins teaches only after so long without actions,
/// milliseconds of stream time: an agent that invents tasks would teach thousands an hour.
pub const REPLACED_IDLE_MS: i64 = 60_000;
/// The last actions of a task that its alerts show; one like the last is counted with it.
pub const TRAIL_STEPS_MAX: usize = 6;
/// Bytes of each name that such an action keeps.
pub const TRAIL_NAME_BYTES_MAX: usize = 80;
/// A task without actions for so long is over, milliseconds of stream time.
pub const TASK_IDLE_MS: i64 = 30 * 60_000;
/// An agent that names neither task nor session is taken to begin a new task after so long, also if
/// it never rests, milliseconds of stream time.
pub const UNNAMED_TASK_MS: i64 = 24 * 3_600_000;
/// Resource types of one task on which it was denied something; for one more the oldest is
/// forgotten.
pub const DENIED_TYPES_MAX: usize = 4;
/// A denied action that is so much older than the next one is forgotten, milliseconds.
pub const DENIED_IDLE_MS: i64 = 10 * 60_000;
/// A call that comes so much later than one like it begins a new row, milliseconds.
pub const REPEAT_PAUSE_MS: i64 = 10_000;
/// Different resources of one type that a task tried last, of which it counts those that it was
/// denied or failed on.
pub const TRIED_MAX: usize = 32;
/// Resource types of one task that are counted apart, since it first failed on them; further ones
/// are counted together.
pub const TRIED_TYPES_MAX: usize = 4;
/// Actions of a task that must say something of its purpose before it is compared.
pub const DRIFT_ACTIONS_MIN: u16 = 20;
/// When so many have said something, they count half.
pub const DRIFT_ACTIONS_MAX: u16 = 40;
/// Credentials of one agent whose last class is kept.
pub const CLASS_USES_MAX: usize = 8;

/// Pairs of resource type and verb of one profile.
pub const PAIRS_MAX: usize = 256;
/// Destinations of one profile.
pub const DESTINATIONS_MAX: usize = 512;
/// Resources of one profile.
pub const RESOURCES_MAX: usize = 1_024;
/// Tools of one profile.
pub const TOOLS_MAX: usize = 128;
/// Models of one profile, of a class as of an agent: an agent may use as many as its class. They
/// have room of their own, so that an agent which invents models pushes nothing else out.
pub const MODELS_MAX: usize = 32;
/// Models of one task that are learned.
pub const TASK_MODELS_MAX: usize = 16;
/// Objects of one profile: pairs with the resource that left or was destroyed.
pub const OBJECTS_MAX: usize = 256;
/// An agent's own profile has room for so many times less.
pub const AGENT_SHARE: usize = 8;
/// Agents of one type whose usual volume is known; the next one takes the place of that which told
/// it longest ago.
pub const VOLUME_PEERS_MAX: usize = 8;
/// With fewer agents that told what they usually do, a new one is expected nothing.
pub const VOLUME_PEERS_MIN: usize = 3;
/// Profiles of one tenant: classes and agent types together.
pub const PROFILES_MAX: usize = 2_000;
/// Entries of all profiles of one tenant. When there are as many, a profile that learns something
/// new forgets something for it.
pub const TENANT_ENTRIES_MAX: usize = 200_000;

/// Classes of one tenant about which a person's command is kept. For one more, that which is not
/// frozen and was commanded longest ago goes.
pub const CLASS_COMMANDS_MAX: usize = 256;

/// Commands about selections of the agents of one tenant that are kept. A further one is refused,
/// unless one that is no freeze was given [`AGENT_COMMAND_KEPT_MS`] before: it goes.
pub const AGENT_COMMANDS_MAX: usize = 64;
/// For an agent that has not acted for so long a command about a selection may be forgotten,
/// milliseconds.
pub const AGENT_COMMAND_KEPT_MS: i64 = 30 * 24 * 3_600_000;

/// With fewer clean tasks a class is newborn: little counts, and that by half.
pub const NEWBORN_TASKS: u32 = 2;
/// With fewer clean tasks a class is young: what only it does not know does not count.
pub const YOUNG_TASKS: u32 = 5;
/// With fewer clean tasks an agent type has no peers.
pub const PEER_TASKS: u32 = 20;
/// Tasks of the agent type that make something known to peers.
pub const PEER_USES: u16 = 2;
/// Where so many resources of a pair were used by a single clean task each, and these are one in
/// [`FRESH_SHARE`] of its uses, a new one is usual. The share of what was used once estimates how
/// often the next one is new (Good and Turing): two bans claim one time in a hundred. Those that
/// their task had used before, such as its own files, are counted apart from the others. One use
/// may be chance; when two tasks had one of their own each, a third is likely to have one, too.
pub const FRESH_USES: usize = 2;
/// See [`FRESH_USES`].
pub const FRESH_SHARE: usize = 10;
/// A class learns from each clean task until it has so many and [`LEARNING_MS`] have passed.
pub const LEARNING_TASKS: u32 = 20;
/// See [`LEARNING_TASKS`]; milliseconds since the first clean task.
pub const LEARNING_MS: i64 = 7 * 24 * 3_600_000;
/// After the learning time: clean tasks that make something known to a class.
pub const LATER_TASKS: u16 = 5;
/// After the learning time: hours between the first and the last of these tasks.
pub const LATER_HOURS: u32 = 24;
/// The same for a class of one agent, on two days: tasks.
pub const LATER_TASKS_ALONE: u16 = 3;
/// A task with so much evidence, in bans, teaches nothing: at a tenth of the alarms of the revoke
/// tier every agent would teach itself what it does.
pub const CLEAN_BANS: f64 = 1.8;
/// Evidence at which a task alerts, in bans, as the shipped rule has it.
pub const ALERT_BANS: f64 = CLEAN_BANS;
/// Evidence at which the shipped rule asks for a revocation, in bans.
pub const REVOKE_BANS: f64 = 4.3;
/// A task of a learning time with so much evidence against what the other tasks have taught, in
/// bans, does not teach: one new object and one more signal.
pub const SET_ASIDE_BANS: f64 = 2.8;
/// Tasks of a tenant in a learning time that are kept to be weighed at its end.
pub const LOGGED_TASKS_MAX: usize = 100_000;
/// Actions of one of them that are kept.
pub const LOGGED_ACTIONS_MAX: usize = 256;
/// What no clean task used for so many hours is forgotten.
pub const FORGET_HOURS: u32 = 90 * 24;
