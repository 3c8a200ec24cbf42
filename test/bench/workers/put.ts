/** The floor for a PUT of known length in workerd: hands the body on, in a request that isn't even signed. */
interface Bindings {
  readonly BUCKET_URL: string;
}

export default {
  async fetch({ url, body }, { BUCKET_URL }) {
    const { ok, status } = await fetch(BUCKET_URL + new URL(url).pathname, { method: 'PUT', body });
    return new Response(null, { status: ok ? 201 : status });
  },
} satisfies ExportedHandler<Bindings>;
