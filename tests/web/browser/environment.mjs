// What the scripts of tests/web hand over.
export function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`the environment variable ${name} is not set`);
  return value;
}

export const SOURCE = required("SOURCE");
