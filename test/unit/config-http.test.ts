/** The settings of headers and hosts. */
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { configErrorOf } from '../support/config-error.ts';

test('REGISTRY_HTTP_HEADERS_* adds to nosniff, or replaces it', () => {
  expect(parseConfig({}).http.headers).toEqual({ 'X-Content-Type-Options': 'nosniff' });
  const settings = {
    'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin': "['*']",
    REGISTRY_HTTP_HEADERS_X_CONTENT_TYPE_OPTIONS: '',
    REGISTRY_HTTP_HEADERS_X_Team: 'a b',
    REGISTRY_HTTP_HEADERS_Access_Control_Allow_Credentials: '[true]',
    REGISTRY_HTTP_HEADERS_Access_Control_Max_Age: '[1728000]',
    REGISTRY_HTTP_HEADERS_Mixed: '["a", false, 1.5]',
  };
  expect(parseConfig(settings).http.headers).toEqual({
    'Access-Control-Allow-Origin': '*',
    'X-Content-Type-Options': '',
    'X-Team': 'a b',
    'Access-Control-Allow-Credentials': 'true',
    'Access-Control-Max-Age': '1728000',
    Mixed: 'a, false, 1.5',
  });
  for (const value of ['[null]', '[[a]]', '[{a: b}]', '[a'])
    expect(configErrorOf({ REGISTRY_HTTP_HEADERS_X: value })).toMatch(
      /^REGISTRY_HTTP_HEADERS_X must be a text or a list of texts/,
    );
});

test('REGISTRY_HTTP_ALLOWEDHOSTS takes host names in any form, and drops ports', () => {
  const hosts = (list: string) => parseConfig({ REGISTRY_HTTP_ALLOWEDHOSTS: list }).http.allowedHosts;
  expect(parseConfig({}).http.allowedHosts).toEqual([]);
  expect(hosts('A.example:5000, b.example.,[FD00::1]:80,127.1')).toEqual(['a.example', 'b.example', '[fd00::1]', '127.0.0.1']);
  for (const wrong of [
    '*',
    '*.example',
    'http://a',
    'a/b',
    'a b',
    'user@a',
    'fd00::1',
    '[fe80::1%25lo]',
    'a:99999',
    '1.2.3.4.5',
    'ä',
  ])
    expect(configErrorOf({ REGISTRY_HTTP_ALLOWEDHOSTS: `a.example,${wrong}` })).toBe(
      `REGISTRY_HTTP_ALLOWEDHOSTS must be host names, separated by commas: "${wrong}" is not a host name`,
    );
  expect(configErrorOf({ REGISTRY_HTTP_ALLOWEDHOSTS: 'a,' })).toContain('separated by commas: "" is not a host name');
});
