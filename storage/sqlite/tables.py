"""The statements that make every table; search brings its own.

Keys of agents, conversations, principals and tenants are the names people use
(``slack:T1/channel/C2``); rows have ULIDs; ``seq`` is the order of storage.
"""

__all__ = [
    "APPROVALS",
    "BEGUN_CONVERSATIONS",
    "BUDGETS",
    "LATE_APPROVALS",
    "LINES_BY_REFERENCE",
    "MEMORY_AGENT",
    "OPEN_TURNS",
    "OUTBOX_CHOICES",
    "PREVIEWS",
    "SHOWN_LINES",
    "TABLES",
    "TIMED_EVENTS",
]

TABLES = (
    """CREATE TABLE tenants (
        tenant TEXT PRIMARY KEY,
        platform TEXT NOT NULL,
        created_at TEXT NOT NULL
    )""",
    """CREATE TABLE principals (
        principal TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at TEXT NOT NULL,
        last_seen_at TEXT NOT NULL
    )""",
    """CREATE TABLE agents (
        agent_id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL REFERENCES tenants (tenant),
        kind TEXT NOT NULL CHECK (kind IN ('personal', 'room')),
        place TEXT NOT NULL DEFAULT '',
        message_count INTEGER NOT NULL DEFAULT 0,
        passage_count INTEGER NOT NULL DEFAULT 0,
        heartbeats_paused_until TEXT,
        created_at TEXT NOT NULL,
        last_activity TEXT
    )""",
    "CREATE INDEX agents_tenant ON agents (tenant)",
    """CREATE TABLE conversations (
        conversation_id TEXT PRIMARY KEY,
        agent_id TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
        tenant TEXT NOT NULL,
        place_name TEXT NOT NULL DEFAULT '',
        window_start_seq INTEGER NOT NULL DEFAULT 0,
        shown_messages INTEGER NOT NULL DEFAULT 0,
        shown_passages INTEGER NOT NULL DEFAULT 0,
        warned INTEGER NOT NULL DEFAULT 0,
        speakers TEXT NOT NULL DEFAULT '[]',
        erased_at TEXT,
        created_at TEXT NOT NULL
    )""",
    "CREATE INDEX conversations_agent ON conversations (agent_id)",
    """CREATE TABLE blocks (
        agent_id TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
        tenant TEXT NOT NULL,
        label TEXT NOT NULL,
        description TEXT NOT NULL,
        value TEXT NOT NULL,
        limit_chars INTEGER NOT NULL,
        read_only INTEGER NOT NULL,
        owner TEXT,
        owner_name TEXT NOT NULL,
        version INTEGER NOT NULL,
        updated_at TEXT NOT NULL,
        PRIMARY KEY (agent_id, label)
    )""",
    "CREATE INDEX blocks_owner ON blocks (owner) WHERE owner IS NOT NULL",
    """CREATE TABLE block_versions (
        id INTEGER PRIMARY KEY,
        agent_id TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
        tenant TEXT NOT NULL,
        label TEXT NOT NULL,
        version INTEGER NOT NULL,
        value TEXT NOT NULL,
        author TEXT,
        source_key TEXT,
        turn_id TEXT,
        operation TEXT NOT NULL,
        at TEXT NOT NULL,
        UNIQUE (agent_id, label, version)
    )""",
    """CREATE TABLE messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        tenant TEXT NOT NULL,
        agent_id TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
        conversation_id TEXT NOT NULL REFERENCES conversations (conversation_id) ON DELETE CASCADE,
        turn_id TEXT NOT NULL,
        role TEXT NOT NULL,
        kind TEXT NOT NULL,
        author TEXT,
        author_name TEXT NOT NULL,
        text TEXT NOT NULL,
        payload TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        source_key TEXT,
        reply_to TEXT,
        place TEXT NOT NULL,
        sent_at TEXT NOT NULL,
        searchable INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'stored'
    )""",
    "CREATE INDEX messages_conversation ON messages (conversation_id, seq)",
    "CREATE INDEX messages_sent ON messages (agent_id, sent_at, seq)",
    "CREATE INDEX messages_turn ON messages (turn_id)",
    "CREATE INDEX messages_author ON messages (author) WHERE author IS NOT NULL",
    "CREATE INDEX messages_source ON messages (source_key) WHERE source_key IS NOT NULL",
    """CREATE TABLE passages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        tenant TEXT NOT NULL,
        agent_id TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
        turn_id TEXT,
        title TEXT NOT NULL,
        text TEXT NOT NULL,
        tags TEXT NOT NULL,
        author TEXT,
        author_name TEXT NOT NULL,
        source_key TEXT,
        created_at TEXT NOT NULL,
        superseded_at TEXT,
        superseded_by TEXT
    )""",
    "CREATE INDEX passages_agent ON passages (agent_id, seq)",
    "CREATE INDEX passages_author ON passages (author) WHERE author IS NOT NULL",
    """CREATE TABLE summaries (
        conversation_id TEXT NOT NULL REFERENCES conversations (conversation_id) ON DELETE CASCADE,
        prepared INTEGER NOT NULL,
        tenant TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        through_seq INTEGER NOT NULL,
        text TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        mechanical INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        PRIMARY KEY (conversation_id, prepared)
    )""",
    """CREATE TABLE events (
        event_id TEXT PRIMARY KEY,
        source_key TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        tenant TEXT NOT NULL,
        agent_id TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
        conversation_id TEXT NOT NULL,
        speaker TEXT,
        details TEXT NOT NULL,
        received_at TEXT NOT NULL
    )""",
    "CREATE INDEX events_agent ON events (agent_id)",
    "CREATE INDEX events_speaker ON events (speaker) WHERE speaker IS NOT NULL",
    """CREATE TABLE turns (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        tenant TEXT NOT NULL,
        agent_id TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
        conversation_id TEXT NOT NULL,
        event_id TEXT,
        kind TEXT NOT NULL,
        due TEXT NOT NULL,
        state TEXT NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0,
        steps INTEGER NOT NULL DEFAULT 0,
        cancel INTEGER NOT NULL DEFAULT 0,
        speaker TEXT,
        speaker_name TEXT NOT NULL,
        audience TEXT NOT NULL,
        place TEXT NOT NULL,
        place_name TEXT NOT NULL,
        address TEXT NOT NULL,
        source_key TEXT NOT NULL,
        error_id TEXT,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    )""",
    "CREATE INDEX turns_open ON turns (agent_id, seq) WHERE state IN ('queued', 'running')",
    "CREATE INDEX turns_agent ON turns (agent_id)",
    "CREATE INDEX turns_speaker ON turns (speaker) WHERE speaker IS NOT NULL",
    """CREATE TABLE leases (
        agent_id TEXT PRIMARY KEY REFERENCES agents (agent_id) ON DELETE CASCADE,
        owner TEXT,
        fence INTEGER NOT NULL DEFAULT 0,
        until TEXT,
        last_served TEXT
    )""",
    """CREATE TABLE outbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        turn_id TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
        tenant TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        conversation_id TEXT NOT NULL,
        speaker TEXT,
        audience TEXT NOT NULL,
        platform TEXT NOT NULL,
        place TEXT NOT NULL,
        address TEXT NOT NULL,
        text TEXT NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending',
        attempts INTEGER NOT NULL DEFAULT 0,
        due TEXT NOT NULL,
        nonce TEXT NOT NULL,
        part_refs TEXT NOT NULL DEFAULT '[]',
        reference TEXT,
        reason TEXT,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    )""",
    (
        "CREATE INDEX outbox_open ON outbox (platform, place, seq) "
        "WHERE state IN ('pending', 'sending')"
    ),
    "CREATE INDEX outbox_undeliverable ON outbox (seq) WHERE state = 'undeliverable'",
    "CREATE INDEX outbox_turn ON outbox (turn_id)",
    "CREATE INDEX outbox_agent ON outbox (agent_id)",
    """CREATE TABLE schedules (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        agent_id TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
        conversation_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        rule TEXT NOT NULL,
        reason TEXT NOT NULL,
        author TEXT,
        place TEXT NOT NULL,
        place_name TEXT NOT NULL,
        address TEXT NOT NULL,
        next_at TEXT,
        created_at TEXT NOT NULL
    )""",
    "CREATE INDEX schedules_next ON schedules (next_at) WHERE next_at IS NOT NULL",
    "CREATE INDEX schedules_agent ON schedules (agent_id)",
    """CREATE TABLE links (
        principal TEXT NOT NULL,
        linked TEXT NOT NULL,
        created_at TEXT NOT NULL,
        PRIMARY KEY (principal, linked)
    )""",
    """CREATE TABLE usage (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        tenant TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        speaker TEXT,
        model TEXT NOT NULL,
        purpose TEXT NOT NULL,
        input_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL
    )""",
    "CREATE INDEX usage_at ON usage (at)",
    """CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        detail TEXT NOT NULL
    )""",
    """CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    )""",
)

APPROVALS = (
    """CREATE TABLE approvals (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        agent_id TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
        turn_id TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
        tool TEXT NOT NULL,
        arguments TEXT NOT NULL,
        decision TEXT NOT NULL DEFAULT 'pending',
        asked_at TEXT NOT NULL,
        expires_at TEXT NOT NULL
    )""",
    "CREATE INDEX approvals_agent ON approvals (agent_id)",
    "CREATE INDEX approvals_turn ON approvals (turn_id)",
    "CREATE INDEX approvals_untold ON approvals (id) WHERE decision IN ('approved', 'denied')",
)

TIMED_EVENTS = (
    "ALTER TABLE principals ADD COLUMN timezone TEXT",
    "ALTER TABLE schedules ADD COLUMN audience TEXT NOT NULL DEFAULT 'private'",
    "ALTER TABLE schedules ADD COLUMN author_name TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE schedules ADD COLUMN timezone TEXT NOT NULL DEFAULT 'UTC'",
    "ALTER TABLE schedules ADD COLUMN source_key TEXT",
    "DROP INDEX messages_author",
    (
        "CREATE INDEX messages_heard ON messages (author, agent_id, sent_at) "
        "WHERE author IS NOT NULL"
    ),
)

MEMORY_AGENT = (
    "ALTER TABLE conversations ADD COLUMN reflected_seq INTEGER NOT NULL DEFAULT 0",
    "UPDATE conversations SET reflected_seq = window_start_seq",
    """CREATE TABLE passage_sources (
        passage_id TEXT NOT NULL REFERENCES passages (id) ON DELETE CASCADE,
        source_key TEXT NOT NULL,
        PRIMARY KEY (passage_id, source_key)
    ) WITHOUT ROWID""",
    "CREATE INDEX passage_sources_source ON passage_sources (source_key)",
    """CREATE TABLE block_sources (
        version_id INTEGER NOT NULL REFERENCES block_versions (id) ON DELETE CASCADE,
        source_key TEXT NOT NULL,
        PRIMARY KEY (version_id, source_key)
    ) WITHOUT ROWID""",
    "CREATE INDEX block_sources_source ON block_sources (source_key)",
)

BUDGETS = (
    """CREATE TABLE budget_notices (
        payer TEXT NOT NULL,
        day TEXT NOT NULL,
        PRIMARY KEY (payer, day)
    ) WITHOUT ROWID""",
    "CREATE INDEX usage_speaker ON usage (speaker, at)",
    "CREATE INDEX usage_agent ON usage (agent_id, at)",
    "CREATE INDEX usage_tenant ON usage (tenant, at)",
    "CREATE INDEX turns_created ON turns (created_at)",
)

OUTBOX_CHOICES = ("ALTER TABLE outbox ADD COLUMN choices TEXT NOT NULL DEFAULT '[]'",)

PREVIEWS = (
    "ALTER TABLE outbox ADD COLUMN preview_ref TEXT",
    "CREATE INDEX outbox_previews ON outbox (platform) WHERE state = 'preview'",
)

LATE_APPROVALS = (
    "UPDATE approvals SET decision = 'done' WHERE decision = 'expired'",
    "DROP INDEX approvals_untold",
    """CREATE INDEX approvals_untold ON approvals (id)
        WHERE decision IN ('approved', 'denied', 'expired')""",
)

# With an index of the agent alone SQLite reads all of its turns to find the few that are open.
OPEN_TURNS = (
    "DROP INDEX turns_agent",
    "CREATE INDEX turns_agent ON turns (agent_id, state, seq)",
)

SHOWN_LINES = (
    """CREATE TABLE shown_lines (
        work_id TEXT PRIMARY KEY,
        platform TEXT NOT NULL,
        address TEXT NOT NULL,
        reference TEXT NOT NULL
    ) WITHOUT ROWID""",
)

BEGUN_CONVERSATIONS = (
    "ALTER TABLE conversations ADD COLUMN begun_seq INTEGER NOT NULL DEFAULT 0",
    (
        "UPDATE conversations AS c SET begun_seq = window_start_seq "
        "WHERE NOT EXISTS (SELECT 1 FROM summaries AS s "
        "WHERE s.conversation_id = c.conversation_id AND s.agent_id = c.agent_id AND NOT prepared)"
    ),
)

# References that lead to a line by themselves; those of before could not on Discord.
LINES_BY_REFERENCE = (
    "DELETE FROM shown_lines",
    "ALTER TABLE shown_lines DROP COLUMN address",
)

OUTBOX_FILES = (
    "ALTER TABLE outbox ADD COLUMN file_name TEXT",
    "ALTER TABLE outbox ADD COLUMN file BLOB",
)
