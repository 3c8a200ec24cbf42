/** Some settings are YAML. An error in it is one line that names the setting. */
import { describe, expect, test } from 'vitest';
import { translateRegistry2Config } from '../../src/cli/launcher/registry2-config.ts';
import { ConfigError } from '../../src/config/error.ts';
import { parseYaml, YamlError } from '../../src/config/yaml.ts';
import { parseConfig } from '../../src/config/config.ts';

const BOMB = ['a: &a0 [x, x, x, x, x, x, x, x, x, x]']
  .concat(Array.from({ length: 9 }, (_, n) => `a${n}: &a${n + 1} [${Array.from({ length: 10 }, () => `*a${n}`).join(', ')}]`))
  .join('\n');

const WRONG: readonly (readonly [what: string, yaml: string, message: string])[] = [
  ['an alias without an anchor', '- {who: *x}', 'Unresolved alias (the anchor must be set before the alias): x'],
  ['an alias bomb', BOMB, 'Excessive alias count indicates a resource exhaustion attack'],
  ['an alias inside its own anchor', '&a [*a]', 'has an alias (*) inside the value of its own anchor'],
  ['a tag of code', '!!js/function x', 'Unresolved tag: tag:yaml.org,2002:js/function at line 1, column 1:'],
  ['a tag of a set', '!!set {a, b}', 'Unresolved tag: tag:yaml.org,2002:set at line 1, column 1:'],
  ['a key twice', 'a: 1\na: 2', 'Map keys must be unique at line 2, column 1:'],
  ['a key that is a list', '? [a]\n: b', 'With stringKeys, all keys must be strings at line 1, column 3:'],
  ['lists 5,000 deep', '['.repeat(5_000), 'is nested too deeply'],
  ['mappings 5,000 deep', `${'{a: '.repeat(5_000)}1${'}'.repeat(5_000)}`, 'is nested too deeply'],
  ['too many characters', `[${'x,'.repeat(131_072)}]`, 'must have at most 262144 characters, not 262146'],
  ['two documents', '[]\n---\n[]', 'Source contains multiple documents'],
  ['a list without an end', '[', 'Flow sequence must end with a ] at line 1, column 2:'],
];

describe.each(WRONG)('%s', (_, yaml, message) => {
  test('is an error of one line', () => {
    const fault = faultOf(() => parseYaml(yaml));
    expect(fault).toBeInstanceOf(YamlError);
    expect(fault.message).toContain(message);
    expect(fault.message).not.toContain('\n');
  });

  test.each(['REGISTRY_ACCESS', 'REGISTRY_TAGS_IMMUTABLE', 'REGISTRY_RETENTION'])('in %s names the setting', (name) => {
    const fault = faultOf(() => parseConfig({ [name]: yaml }));
    expect(fault).toBeInstanceOf(ConfigError);
    expect(fault.message).toContain(`${name} ${message}`);
    expect(fault.message).not.toContain('\n');
  });

  test.each([
    ['REGISTRY_AUTH_TOKEN_JWKS', yaml, 'must be a URL, or a JSON Web Key Set'],
    ['REGISTRY_HTTP_HEADERS_X', `[${yaml}`, 'must be'],
  ])('in %s names the setting', (name, value, means) => {
    const fault = faultOf(() => parseConfig({ [name]: value }));
    expect(fault).toBeInstanceOf(ConfigError);
    expect(fault.message).toContain(`${name} ${means}`);
    expect(fault.message).not.toContain('\n');
  });

  test('in a config.yml of registry:2 is one line', () => {
    const fault = faultOf(() => translateRegistry2Config(yaml));
    expect(fault.message).toContain(message);
    expect(fault.message).not.toContain('\n');
  });
});

function faultOf(does: () => unknown): Error {
  try {
    does();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

test('aliases are allowed', () => {
  expect(parseYaml('a: &x [1]\nb: *x')).toEqual({ a: [1], b: [1] });
  expect(parseConfig({ REGISTRY_TAGS_IMMUTABLE: '- &v {tags: ["v*"]}\n- *v' }).tags.immutable).toHaveLength(2);
});

test('merge keys and YAML 1.1 get no special treatment', () => {
  expect(parseYaml('%YAML 1.1\n---\na: &x {b: yes}\nc: {<<: *x}')).toEqual({ a: { b: 'yes' }, c: { '<<': { b: 'yes' } } });
});
