/**
 * Finds mutants: small changes of a source file that a test should notice. A text with a blank in it has none, since it is a
 * sentence for people, and neither have types, imports and names of properties.
 */
import { parseAst } from 'vitest/node';

export interface Mutant {
  readonly file: string;
  /** From 1. */
  readonly lineNumber: number;
  /** The source line, without its indentation. */
  readonly line: string;
  readonly original: string;
  readonly replacement: string;
}

/** A node of the syntax tree: ESTree, with TypeScript's nodes among them. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

interface Change {
  readonly replacement: string;
  /** `expression` stands in for a value, `statement` leaves the node out, `body` leaves a function at once. */
  readonly kind: 'expression' | 'statement' | 'body';
}

const OPERATORS: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
  '+=': ['-='],
  '-=': ['+='],
  '||=': ['&&='],
  '&&=': ['||='],
  '??=': ['='],
  '|=': ['&='],
  '&=': ['|='],
};

const OTHER_METHOD = new Map(
  Object.entries({
    startsWith: 'endsWith',
    endsWith: 'startsWith',
    some: 'every',
    every: 'some',
    toLowerCase: 'toUpperCase',
    toUpperCase: 'toLowerCase',
  }),
);

/** Calls that are left out: `a.trim()` becomes `a`. */
const LEFT_OUT = new Set(
  ['trim', 'trimEnd', 'slice', 'subarray', 'filter', 'sort', 'toSorted', 'reverse', 'toReversed', 'replaceAll', 'replace'].concat(
    // Of schemas.
    ['refine', 'regex', 'optional', 'default', 'int', 'min', 'max', 'length'],
  ),
);

const VALUE_TYPES = new Set(['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression', 'TSTypeAssertion']);

/** These have mutants of their own, so that returning `undefined` instead adds nothing. */
const HAS_OWN_MUTANTS = new Set(['Literal', 'BinaryExpression', 'LogicalExpression', 'ConditionalExpression', 'UnaryExpression']);

/**
 * @param source - TypeScript
 * @param firstId - of the first mutant; the others are counted on
 * @returns the mutants, and the source with all of them in it: `$mutant(id)` says which one is active
 */
export function mutate(file: string, source: string, firstId: number): { mutants: Mutant[]; code: string } {
  const mutants: Mutant[] = [];
  const tree = parseAst(source, { lang: 'ts' }) as unknown as Node;
  const code = render(tree, undefined);
  return { mutants, code: `const $mutant = globalThis.$mutant;${code}` };

  function text({ start, end }: Node): string {
    return source.slice(start, end);
  }

  function idOf(node: Node, replacement: string): number {
    const before = source.slice(0, node.start);
    const lineStart = before.lastIndexOf('\n') + 1;
    const lineEnd = source.indexOf('\n', node.start);
    const line = source.slice(lineStart, lineEnd < 0 ? undefined : lineEnd).trim();
    mutants.push({ file, lineNumber: before.split('\n').length, line, original: text(node), replacement });
    return firstId + mutants.length - 1;
  }

  /** The node's text with the mutants of its inner nodes, and its own around those. */
  function render(node: Node, parent: Node | undefined): string {
    const changes = changesOf(node, parent);
    const ids = changes.map(({ replacement }) => idOf(node, replacement));
    let code = '';
    let at = node.start;
    for (const child of childrenOf(node)) {
      code += source.slice(at, child.start) + render(child, node);
      at = child.end;
    }
    code += source.slice(at, node.end);
    if (changes.length === 0) return code;
    if (changes[0]!.kind === 'statement') return `{if(!$mutant(${ids[0]})){${code}}}`;
    if (changes[0]!.kind === 'body') return `{if($mutant(${ids[0]}))return;${code.slice(1)}`;
    const choices = changes.map(({ replacement }, index) => `$mutant(${ids[index]})?(${replacement}):`);
    return `(${choices.join('')}(${code}))`;
  }

  function changesOf(node: Node, parent: Node | undefined): Change[] {
    const values = [...new Set(valuesOf(node, parent))];
    if (values.length > 0) return values.map((replacement) => ({ replacement, kind: 'expression' }));
    if (isRemovable(node, parent)) return [{ replacement: '', kind: 'statement' }];
    return isBody(node, parent) ? [{ replacement: '{}', kind: 'body' }] : [];
  }

  function valuesOf(node: Node, parent: Node | undefined): string[] {
    const values = mutationsOf(node, parent);
    const isTest = parent !== undefined && parent['test'] === node && parent.type !== 'SwitchCase';
    // A loop that never ends shows nothing that its end at once doesn't.
    if (isTest) values.push(...(/^(?:If|Cond)/.test(parent.type) ? ['true', 'false'] : ['false']));
    const isReturned =
      (parent?.type === 'ReturnStatement' || (parent?.type === 'ArrowFunctionExpression' && parent['body'] === node)) &&
      node.type !== 'BlockStatement';
    if (isReturned && values.length === 0 && !HAS_OWN_MUTANTS.has(node.type) && text(node) !== 'undefined')
      values.push('undefined');
    return values;
  }

  function mutationsOf(node: Node, parent: Node | undefined): string[] {
    const isTest = parent?.['test'] === node;
    const { type } = node;
    switch (type) {
      case 'BinaryExpression':
      case 'LogicalExpression':
      case 'AssignmentExpression':
        return withOperators(node, isTest);
      case 'UnaryExpression':
        return ['!', '-', '~'].includes(node['operator'] as string) ? [text(node['argument'] as Node)] : [];
      case 'UpdateExpression':
        return [text(node).replace(/\+\+|--/, (operator) => (operator === '++' ? '--' : '++'))];
      case 'Literal':
        return literals(node);
      case 'TemplateLiteral':
        return /\s/.test(text(node)) || text(node) === '``' || parent?.type === 'TaggedTemplateExpression' ? [] : ['``'];
      case 'ArrayExpression':
        return (node['elements'] as unknown[]).length > 0 ? ['[]'] : [];
      case 'ObjectExpression':
        return (node['properties'] as unknown[]).length > 0 ? ['{}'] : [];
      case 'ChainExpression':
        return withoutOptional(node);
      case 'CallExpression':
        return parent?.type === 'ChainExpression' ? [] : otherCalls(node);
      default:
        return [];
    }
  }

  function withOperators(node: Node, isTest: boolean): string[] {
    const operator = node['operator'] as string;
    const [left, right] = [node['left'] as Node, node['right'] as Node];
    if (operator === 'in' || operator === 'instanceof') return isTest ? [] : ['true', 'false'];
    const joinsText =
      operator === '+' && [left, right].some(({ type, value }) => type === 'TemplateLiteral' || typeof value === 'string');
    const others = joinsText ? [] : (OPERATORS[operator] ?? []);
    // As a condition it is made true and false anyway.
    const useful = isTest ? others.filter(() => !operator.endsWith('==')) : others;
    // Behind the left side stand only parentheses before it.
    const at = source.indexOf(operator, left.end);
    const [before, after] = [source.slice(node.start, at).trim(), source.slice(at + operator.length, node.end).trim()];
    if (node.type === 'AssignmentExpression') return useful.map((other) => `${before} ${other} ${after}`);
    // With parentheses: `a ?? b && c` is no program.
    return useful.map((other) => `(${before}) ${other} (${after})`);
  }

  function literals({ value, regex, ...node }: Node): string[] {
    if (regex !== undefined) return otherPatterns(regex as { pattern: string; flags: string });
    if (typeof value === 'boolean') return [String(!value)];
    if (typeof value === 'number') return [String(value + 1)];
    if (typeof value === 'bigint') return [`${value + 1n}n`];
    if (typeof value !== 'string' || (/\s/.test(value) && /\S/.test(value)) || node.type !== 'Literal') return [];
    return [value === '' ? "'mutated'" : "''"];
  }

  function otherPatterns({ pattern, flags }: { pattern: string; flags: string }): string[] {
    const others = [
      pattern.replace(/^\^/, ''),
      pattern.replace(/\$$/, ''),
      pattern.replace(/(?<=[\])\w.])\+/, ''),
      pattern.replace(/(?<=[\])\w.])\*/, '+'),
      pattern.replace(/(?<=[\])\w])\?/, ''),
      pattern.replace(/\\d/, '\\D'),
      pattern.replace(/\\w/, '\\W'),
      pattern.replace(/\[\^/, '['),
      pattern.replace(/\{(\d+)/, (_, count: string) => `{${Number(count) + 1}`),
      pattern.replace(/,(\d+)\}/, (_, count: string) => `,${Number(count) + 1}}`),
    ].filter((other) => other !== pattern && other !== '');
    const withFlags = others.map((other) => `/${other}/${flags}`);
    return flags.includes('i') ? [...withFlags, `/${pattern}/${flags.replace('i', '')}`] : withFlags;
  }

  function withoutOptional(chain: Node): string[] {
    const whole: string[] = [];
    for (let node = chain['expression'] as Node | undefined; node !== undefined;) {
      const object = (node['object'] ?? node['callee'] ?? node['expression']) as Node | undefined;
      if (node['optional'] === true) {
        const at = source.indexOf('?.', object!.end);
        const rest = source.slice(at + 2, chain.end);
        whole.push(`${source.slice(chain.start, at)}${/^[([]/.test(rest) ? '' : '.'}${rest}`);
      }
      node = object;
    }
    return whole;
  }

  function otherCalls(node: Node): string[] {
    const callee = node['callee'] as Node;
    if (callee.type !== 'MemberExpression' || callee['computed'] === true || node['optional'] === true) return [];
    const [object, property] = [callee['object'] as Node, callee['property'] as Node];
    const name = text(property);
    const call = (other: string) => source.slice(node.start, property.start) + other + source.slice(property.end, node.end);
    if (text(object) === 'Math' && (name === 'min' || name === 'max')) return [call(name === 'min' ? 'max' : 'min')];
    const other = OTHER_METHOD.get(name);
    if (other !== undefined) return [call(other)];
    return LEFT_OUT.has(name) && object.type !== 'Super' ? [text(object)] : [];
  }

  function isRemovable(node: Node, parent: Node | undefined): boolean {
    // `if (a) throw b` is already tested by a condition that is false.
    if (parent?.type === 'IfStatement' && parent['alternate'] === null) return false;
    if (node.type === 'ThrowStatement') return true;
    if (node.type !== 'ExpressionStatement' || node['directive'] != null) return false;
    const expression = node['expression'] as Node;
    return !(expression.type === 'CallExpression' && (expression['callee'] as Node).type === 'Super');
  }

  function isBody(node: Node, parent: Node | undefined): boolean {
    if (node.type !== 'BlockStatement' || (node['body'] as unknown[]).length === 0) return false;
    if (parent === undefined || !/Function/.test(parent.type)) return false;
    return !/\bsuper\(/.test(text(node));
  }
}

/** Those that may have mutants, in the order of the source. */
function childrenOf(node: Node): Node[] {
  if (VALUE_TYPES.has(node.type)) return [node['expression'] as Node];
  const children: Node[] = [];
  for (const [field, value] of Object.entries(node)) {
    const isName = field === 'key' || (field === 'property' && node.type === 'MemberExpression') || field === 'label';
    if ((isName && node['computed'] !== true) || field === 'source' || field === 'range' || field === 'parent') continue;
    // A shorthand property is there once, as both key and value.
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child) && isMutable(child)) children.push(child);
  }
  return children.toSorted((one, other) => one.start - other.start);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

function isMutable({ type }: Node): boolean {
  return !(type.startsWith('TS') && !VALUE_TYPES.has(type)) && !type.startsWith('Import') && type !== 'TemplateElement';
}
