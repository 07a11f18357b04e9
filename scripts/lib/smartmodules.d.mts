export function libraryNames(): string[];
export function compileLibrary(
  names: readonly string[],
  onProgress?: (done: number, total: number) => void,
): Promise<Map<string, string>>;
export function librarySource(name: string): string;
export function put(target: string, bytes: Uint8Array): void;
