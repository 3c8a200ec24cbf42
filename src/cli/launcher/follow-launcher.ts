// Loaded into wrangler's process ahead of wrangler: when the launcher is gone, even by kill -9, wrangler stops too, and
// takes its own children along as it does on any SIGTERM.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));

// The listener alone would keep wrangler from ending by itself after an error.
process.channel?.unref();
