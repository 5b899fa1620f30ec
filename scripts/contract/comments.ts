import type { DescFile } from "@bufbuild/protobuf";
import type { DescriptorProto, EnumDescriptorProto } from "@bufbuild/protobuf/wkt";

/** The object of a declaration; it is identical in the registry and in its file. */
type Declared = object;

/** The paragraphs of a comment, each as one line, with an empty line between two of them. */
const paragraphsOf = (comment: string): string =>
  comment
    .split(/\n *\n/)
    .map((paragraph) => paragraph.replaceAll(/\s+/g, " ").trim())
    .join("\n\n")
    .trim();

/**
 * Leading comments of a file's declarations, each paragraph as one line. A location identifies its
 * declaration by a path of field numbers and indexes through `FileDescriptorProto`
 * (`google.protobuf.SourceCodeInfo.Location`).
 */
export function commentsOf(file: DescFile): ReadonlyMap<Declared, string> {
  const texts = new Map(
    (file.proto.sourceCodeInfo?.location ?? []).map((location) => [
      location.path.join("."),
      paragraphsOf(location.leadingComments),
    ]),
  );
  const comments = new Map<Declared, string>();
  const visit = (declared: readonly Declared[], path: string): void => {
    for (const [index, one] of declared.entries()) {
      comments.set(one, texts.get(`${path}.${index}`) ?? "");
    }
  };
  const visitEnums = (enums: readonly EnumDescriptorProto[], path: string): void => {
    visit(enums, path);
    for (const [index, { value }] of enums.entries()) visit(value, `${path}.${index}.2`);
  };
  const visitMessages = (messages: readonly DescriptorProto[], path: string): void => {
    visit(messages, path);
    for (const [index, message] of messages.entries()) {
      visit(message.field, `${path}.${index}.2`);
      visit(message.oneofDecl, `${path}.${index}.8`);
      visitMessages(message.nestedType, `${path}.${index}.3`);
      visitEnums(message.enumType, `${path}.${index}.4`);
    }
  };
  const { messageType, enumType, service } = file.proto;
  visitMessages(messageType, "4");
  visitEnums(enumType, "5");
  visit(service, "6");
  for (const [index, { method }] of service.entries()) visit(method, `6.${index}.2`);
  return comments;
}
