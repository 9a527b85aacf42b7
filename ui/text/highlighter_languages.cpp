// The languages the highlighter knows: words and marks, nothing else.

#include "ui/text/highlighter.h"

namespace ui {
namespace {

constexpr const char* kCWords =
    "auto break case const continue default do else enum extern for goto if inline register return "
    "sizeof static struct switch typedef union volatile while NULL true false restrict";
constexpr const char* kCTypes =
    "bool char double float int long short signed unsigned void size_t ssize_t int8_t int16_t "
    "int32_t int64_t uint8_t uint16_t uint32_t uint64_t FILE";
constexpr const char* kCppWords =
    "alignas alignof auto break case catch class concept const consteval constexpr constinit "
    "continue co_await co_return co_yield decltype default delete do else enum explicit export "
    "extern false final for friend goto if import inline module mutable namespace new noexcept "
    "nullptr operator override private protected public requires return sizeof static "
    "static_assert static_cast dynamic_cast reinterpret_cast const_cast struct switch template "
    "this thread_local throw true try typedef typename union using virtual volatile while "
    "__global__ __device__ __shared__ __restrict__";
constexpr const char* kCppTypes =
    "bool char char8_t char16_t char32_t double float int long short signed unsigned void wchar_t "
    "size_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t string string_view "
    "vector map set unordered_map unordered_set pair tuple optional variant unique_ptr shared_ptr "
    "array span deque list std QString QObject QWidget";
constexpr const char* kPythonWords =
    "False None True and as assert async await break class continue def del elif else except "
    "finally for from global if import in is lambda match case nonlocal not or pass raise return "
    "try while with yield self cls";
constexpr const char* kPythonTypes =
    "int float str bytes bool list dict set tuple object type range len print open enumerate zip "
    "map filter sorted sum min max abs any all isinstance super Exception ValueError TypeError "
    "KeyError";
constexpr const char* kJsWords =
    "abstract any as async await break case catch class const continue debugger declare default "
    "delete do else enum export extends false finally for from function get if implements import "
    "in infer instanceof interface is keyof let namespace new null of private protected public "
    "readonly return set static super switch this throw true try type typeof undefined var void "
    "while yield";
constexpr const char* kJsTypes =
    "string number boolean object symbol unknown never bigint Array Map Set Promise Object String "
    "Number Boolean Date Error JSON Math RegExp console window document Record Partial";
constexpr const char* kRustWords =
    "as async await break const continue crate dyn else enum extern false fn for if impl in let "
    "loop match mod move mut pub ref return self Self static struct super trait true type unsafe "
    "use where while";
constexpr const char* kRustTypes =
    "bool char f32 f64 i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize str String Vec Option "
    "Result Box Rc Arc Some None Ok Err HashMap";
constexpr const char* kGoWords =
    "break case chan const continue default defer else fallthrough for func go goto if import "
    "interface map package range return select struct switch type var true false nil iota";
constexpr const char* kGoTypes =
    "bool byte complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune string "
    "uint uint8 uint16 uint32 uint64 uintptr any append cap close copy delete len make new panic "
    "print println recover";
constexpr const char* kJavaWords =
    "abstract assert break case catch class const continue default do else enum extends false "
    "final finally for goto if implements import instanceof interface native new null package "
    "private protected public record return sealed static super switch synchronized this throw "
    "throws transient true try var void volatile while yield fun val when object override "
    "companion "
    "data is in internal lateinit suspend namespace using foreach async await get set readonly out "
    "ref string base event delegate";
constexpr const char* kJavaTypes =
    "boolean byte char double float int long short String Integer Long Double Boolean Object List "
    "Map Set ArrayList HashMap Int Unit Any Optional bool decimal Task";
constexpr const char* kBashWords =
    "if then else elif fi case esac for select while until do done in function time return exit "
    "export local readonly declare unset shift source alias trap set";
constexpr const char* kBashTypes =
    "echo printf cd ls cat grep sed awk find xargs sort uniq head tail cut tr wc mkdir rm cp mv ln "
    "chmod chown sudo apt apt-get git docker curl wget tar ssh make cmake python python3 pip npm "
    "node read test eval exec kill sleep";
constexpr const char* kSqlWords =
    "select from where insert into values update set delete create table index view drop alter add "
    "primary key foreign references unique not null default and or in is like between exists join "
    "left right inner outer full cross on as order by group having limit offset union all distinct "
    "case when then else end begin commit rollback transaction with recursive returning trigger if "
    "asc desc over partition pragma explain";
constexpr const char* kSqlTypes =
    "int integer bigint smallint real float double decimal numeric text varchar char blob boolean "
    "date time timestamp json count sum avg min max coalesce";
constexpr const char* kCmakeWords =
    "if elseif else endif foreach endforeach while endwhile function endfunction macro endmacro "
    "return set unset option include project find_package add_executable add_library "
    "add_subdirectory add_test target_link_libraries target_include_directories target_sources "
    "target_compile_options target_compile_definitions target_compile_features install message "
    "list string file cmake_minimum_required";
constexpr const char* kCmakeTypes = "PUBLIC PRIVATE INTERFACE REQUIRED COMPONENTS STATIC SHARED "
                                    "OBJECT ON OFF TRUE FALSE AND OR NOT "
                                    "EXISTS STREQUAL MATCHES VERSION LANGUAGES NAME COMMAND";
constexpr const char* kLuaWords =
    "and break do else elseif end false for function goto if in local nil not or repeat return "
    "then true until while";
constexpr const char* kRubyWords =
    "alias and begin break case class def do else elsif end ensure false for if in module next nil "
    "not or redo rescue retry return self super then true undef unless until when while yield "
    "require attr_accessor attr_reader puts";
constexpr const char* kPhpWords =
    "abstract and array as break case catch class const continue declare default do echo else "
    "elseif extends final finally fn for foreach function global if implements include interface "
    "isset match namespace new null or private protected public require return static switch "
    "throw trait true false try use var while yield";
constexpr const char* kSwiftWords =
    "actor as async await break case catch class continue default defer deinit do else enum "
    "extension false for func guard if import in init inout internal is let nil open operator "
    "override private protocol public repeat return self static struct super switch throw throws "
    "true try var where while";

constexpr Language kLanguages[] = {
    {.names = "c h",
     .keywords = kCWords,
     .types = kCTypes,
     .lineComments = "//",
     .blockOpen = "/*",
     .blockClose = "*/",
     .meta = '#'},
    {.names = "cpp c++ cc cxx hpp cuda cu arduino objective-c",
     .keywords = kCppWords,
     .types = kCppTypes,
     .lineComments = "//",
     .blockOpen = "/*",
     .blockClose = "*/",
     .meta = '#'},
    {.names = "python py python3 ipython",
     .keywords = kPythonWords,
     .types = kPythonTypes,
     .lineComments = "#",
     .longQuotes = "\"\"\" '''",
     .decorator = '@'},
    {.names = "javascript js jsx typescript ts tsx mjs node",
     .keywords = kJsWords,
     .types = kJsTypes,
     .lineComments = "//",
     .blockOpen = "/*",
     .blockClose = "*/",
     .longQuotes = "`",
     .decorator = '@'},
    {.names = "rust rs",
     .keywords = kRustWords,
     .types = kRustTypes,
     .lineComments = "//",
     .blockOpen = "/*",
     .blockClose = "*/",
     .quotes = "\"",
     .meta = '#'},
    {.names = "go golang",
     .keywords = kGoWords,
     .types = kGoTypes,
     .lineComments = "//",
     .blockOpen = "/*",
     .blockClose = "*/",
     .longQuotes = "`"},
    {.names = "java kotlin kt csharp cs c# scala",
     .keywords = kJavaWords,
     .types = kJavaTypes,
     .lineComments = "//",
     .blockOpen = "/*",
     .blockClose = "*/",
     .longQuotes = "\"\"\"",
     .decorator = '@'},
    {.names = "bash sh shell zsh console dockerfile docker",
     .keywords = kBashWords,
     .types = kBashTypes,
     .lineComments = "#",
     .decorator = '$'},
    {.names = "json jsonc json5",
     .keywords = "true false null",
     .lineComments = "//",
     .quotes = "\"",
     .keys = true},
    {.names = "yaml yml toml ini properties conf",
     .keywords = "true false null yes no on off",
     .lineComments = "#",
     .keys = true},
    {.names = "css scss less",
     .keywords = "important inherit initial none auto",
     .blockOpen = "/*",
     .blockClose = "*/",
     .decorator = '@',
     .keys = true},
    {.names = "sql sqlite mysql postgresql postgres plsql",
     .keywords = kSqlWords,
     .types = kSqlTypes,
     .lineComments = "--",
     .blockOpen = "/*",
     .blockClose = "*/",
     .ignoreCase = true},
    {.names = "cmake",
     .keywords = kCmakeWords,
     .types = kCmakeTypes,
     .lineComments = "#",
     .quotes = "\"",
     .decorator = '$',
     .ignoreCase = true},
    {.names = "make makefile",
     .keywords = "ifeq ifneq ifdef ifndef else endif include define endef export",
     .lineComments = "#",
     .decorator = '$'},
    {.names = "lua",
     .keywords = kLuaWords,
     .lineComments = "--",
     .blockOpen = "--[[",
     .blockClose = "]]"},
    {.names = "ruby rb", .keywords = kRubyWords, .lineComments = "#", .decorator = '@'},
    {.names = "php",
     .keywords = kPhpWords,
     .lineComments = "// #",
     .blockOpen = "/*",
     .blockClose = "*/",
     .decorator = '$'},
    {.names = "swift",
     .keywords = kSwiftWords,
     .types = "Int Double Float String Bool Array Dictionary Set Character Optional Void",
     .lineComments = "//",
     .blockOpen = "/*",
     .blockClose = "*/",
     .quotes = "\"",
     .longQuotes = "\"\"\"",
     .decorator = '@'},
    {.names = "html xml svg xhtml vue qml-xml plist", .grammar = Grammar::Markup},
    {.names = "diff patch", .grammar = Grammar::Diff},
};

bool names(const Language& language, QStringView name) {
    const QLatin1StringView list(language.names);
    for (qsizetype at = 0; at < list.size();) {
        qsizetype end = list.indexOf(u' ', at);
        end = end < 0 ? list.size() : end;
        if (name.compare(list.mid(at, end - at), Qt::CaseInsensitive) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

} // namespace

const Language* findLanguage(QStringView name) {
    for (const Language& language : kLanguages)
        if (names(language, name))
            return &language;
    return nullptr;
}

} // namespace ui
