/** The least work for a PUT of known length in workerd: it passes the body on in an unsigned request. */
interface Bindings {
  readonly BUCKET_URL: string;
}

export default {
  async fetch({ url, body }, { BUCKET_URL }) {
    const { ok, status } = await fetch(BUCKET_URL + new URL(url).pathname, { method: 'PUT', body });
    return new Response(null, { status: ok ? 201 : status });
  },
} satisfies ExportedHandler<Bindings>;
