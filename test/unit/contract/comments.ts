import type { DescFile } from "@bufbuild/protobuf";

/** The object of a declaration; it is identical in the registry and in its file. */
type Declared = object;

/**
 * Leading comments of a file's declarations, each as one line. A location identifies its
 * declaration by a path of field numbers and indexes through `FileDescriptorProto`
 * (`google.protobuf.SourceCodeInfo.Location`).
 */
export function commentsOf(file: DescFile): ReadonlyMap<Declared, string> {
  const texts = new Map(
    (file.proto.sourceCodeInfo?.location ?? []).map((location) => [
      location.path.join("."),
      location.leadingComments.replace(/\s+/g, " ").trim(),
    ]),
  );
  const comments = new Map<Declared, string>();
  const visit = (declared: readonly Declared[], path: string): void => {
    for (const [index, one] of declared.entries()) {
      comments.set(one, texts.get(`${path}.${index}`) ?? "");
    }
  };
  const { messageType, enumType, service } = file.proto;
  visit(messageType, "4");
  visit(enumType, "5");
  visit(service, "6");
  for (const [index, message] of messageType.entries()) {
    visit(message.field, `4.${index}.2`);
    visit(message.oneofDecl, `4.${index}.8`);
  }
  for (const [index, { value }] of enumType.entries()) visit(value, `5.${index}.2`);
  for (const [index, { method }] of service.entries()) visit(method, `6.${index}.2`);
  return comments;
}
