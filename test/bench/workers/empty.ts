/** The least work for any answer: a Hono route that does nothing. */
import { Hono } from 'hono';

const app = new Hono();
app.get('/empty', (c) => c.body(null));

export default app;
