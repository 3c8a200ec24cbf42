// Loaded into wrangler's process before wrangler. When the launcher has ended, even by kill -9, wrangler gets a SIGTERM, and
// ends its own children too.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));

// Otherwise this listener would keep wrangler running after an error.
process.channel?.unref();
