export async function writeReport(_folder: string, _to: string): Promise<string> {
  return "";
}
