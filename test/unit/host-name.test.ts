/** Names of hosts, as Host headers and settings have them. */
import { expect, test } from 'vitest';
import { findHostName, hostNameOf, isLoopbackName } from '../../src/domain/host-name.ts';

test.each([
  ['registry.example.com', 'registry.example.com'],
  ['Registry.Example.com:8787', 'registry.example.com'],
  ['a_b-c:1', 'a_b-c'],
  ['registry.example.com.', 'registry.example.com'],
  ['127.1:80', '127.0.0.1'],
  ['[0:0::1]:65535', '[::1]'],
  ['[::ffff:127.0.0.1]', '[::ffff:7f00:1]'],
])('%s has the host %s', (text, name) => {
  expect(findHostName(text)).toBe(name);
});

test.each([
  '',
  ':80',
  'a:',
  'a:b',
  'a:123456',
  'a:000080',
  'a:65536',
  'a/b',
  'user@a',
  'a b',
  '::1',
  '[::1',
  '[g::1]',
  'a?b',
  'a#b',
  'x[::1]',
])('%j has none', (text) => {
  expect(findHostName(text)).toBeUndefined();
});

test('the host of a URL has no dot at its end', () => {
  expect(hostNameOf('https://a.b./c.')).toBe('a.b');
});

test.each(['localhost', 'a.localhost', 'a.b.localhost', '127.0.0.1', '127.255.255.255', '[::1]'])('%s is loopback', (name) => {
  expect(isLoopbackName(name)).toBe(true);
});

test.each([
  '',
  'localhost.com',
  'mylocalhost',
  '.localhost',
  '128.0.0.1',
  '127.0.0.1.example.com',
  'a127.0.0.1',
  '127.0.0',
  '127.0.0.1234',
  '[::2]',
  '[::1].a',
])('%j is not', (name) => {
  expect(isLoopbackName(name)).toBe(false);
});
