#include "engine/model/safetensors_file.h"

#include "engine/model/json_file.h"
#include "engine/phrase.h"

#include <new>
#include <optional>
#include <set>

namespace engine {

namespace {

constexpr std::uint64_t kLargestIndex = 16ULL << 20;
constexpr std::size_t kMostParts = 1024;
constexpr std::string_view kIndexName = "model.safetensors.index.json";

/// A part's name in the index must be a plain file name: no folder, nothing above.
bool isPlainFileName(std::string_view name) {
    return name.ends_with(".safetensors") && name.size() <= 255 &&
           name.find_first_of("/\\") == std::string_view::npos && !name.starts_with('.') &&
           isCleanUtf8(name);
}

/// The files that hold the model, in a fixed order.
Result<std::vector<std::string>> partNames(const std::filesystem::path& folder) {
    std::error_code error;
    if (!std::filesystem::exists(folder / kIndexName, error)) {
        if (!std::filesystem::exists(folder / "model.safetensors", error))
            return Status(Code::ModelFormatUnknown,
                          {{"file", folder.string()},
                           {"problem", PHRASE("Status", "it has no model.safetensors")}});
        return std::vector<std::string>{"model.safetensors"};
    }
    const std::filesystem::path path = folder / kIndexName;
    const auto index = parseJsonFile(path, kLargestIndex);
    if (!index)
        return index.status();
    const auto map = index->find("weight_map");
    if (map == index->end() || !map->is_object() || map->empty())
        return Status(Code::ModelFieldMissing, {{"file", path.string()}, {"field", "weight_map"}});
    std::set<std::string> names;
    for (const auto& [tensor, file] : map->items()) {
        if (!file.is_string() || !isPlainFileName(file.get_ref<const std::string&>()))
            return Status(Code::ModelFieldInvalid,
                          {{"file", path.string()},
                           {"field", "weight_map." + tensor.substr(0, 64)},
                           {"value", file.is_string() ? file.get<std::string>().substr(0, 64)
                                                      : std::string(file.type_name())},
                           {"expected",
                            PHRASE("Status", "it names a .safetensors file in the same folder")}});
        names.insert(file.get<std::string>());
    }
    if (names.size() > kMostParts)
        return Status(Code::ModelDamaged, {{"file", path.string()},
                                           {"field", "weight_map"},
                                           {"problem", PHRASE("Status", "names too many files")}});
    return std::vector<std::string>(names.begin(), names.end());
}

struct NamePair {
    std::string_view theirs;
    std::string_view ours;
};

constexpr NamePair kLayerNames[] = {
    {"self_attn.q_proj.", "attn_q."},      {"self_attn.k_proj.", "attn_k."},
    {"self_attn.v_proj.", "attn_v."},      {"self_attn.o_proj.", "attn_output."},
    {"self_attn.q_norm.", "attn_q_norm."}, {"self_attn.k_norm.", "attn_k_norm."},
    {"input_layernorm.", "attn_norm."},    {"post_attention_layernorm.", "ffn_norm."},
    {"mlp.gate_proj.", "ffn_gate."},       {"mlp.up_proj.", "ffn_up."},
    {"mlp.down_proj.", "ffn_down."}};

// gpt2's; "attn.bias" and "attn.masked_bias" are masks that old files carry.
constexpr NamePair kGpt2LayerNames[] = {
    {"ln_1.", "attn_norm."}, {"attn.c_attn.", "attn_qkv."}, {"attn.c_proj.", "attn_output."},
    {"ln_2.", "ffn_norm."},  {"mlp.c_fc.", "ffn_up."},      {"mlp.c_proj.", "ffn_down."}};
constexpr NamePair kGpt2Names[] = {{"wte.weight", "token_embd.weight"},
                                   {"wpe.weight", "position_embd.weight"},
                                   {"ln_f.weight", "output_norm.weight"},
                                   {"ln_f.bias", "output_norm.bias"}};

/// "3.ln_1.weight" -> "blk.3.attn_norm.weight"; nothing when no pair fits.
std::optional<std::string> layerName(std::string_view rest, std::span<const NamePair> pairs) {
    const std::size_t dot = rest.find('.');
    if (dot == std::string_view::npos || dot == 0 || dot > 6 ||
        rest.substr(0, dot).find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    const std::string_view part = rest.substr(dot + 1);
    for (const NamePair& pair : pairs)
        if (part.starts_with(pair.theirs))
            return "blk." + std::string(rest.substr(0, dot + 1)) + std::string(pair.ours) +
                   std::string(part.substr(pair.theirs.size()));
    return std::nullopt;
}

/// With or without "transformer." before; the first files of the family have none.
std::optional<std::string> gpt2Name(std::string_view name) {
    constexpr std::string_view kWhole = "transformer.";
    constexpr std::string_view kLayers = "h.";
    if (name.starts_with(kWhole))
        name.remove_prefix(kWhole.size());
    for (const NamePair& pair : kGpt2Names)
        if (name == pair.theirs)
            return std::string(pair.ours);
    if (!name.starts_with(kLayers))
        return std::nullopt;
    if (name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias"))
        return std::string();
    return layerName(name.substr(kLayers.size()), kGpt2LayerNames);
}

} // namespace

std::string canonicalTensorName(std::string_view name) {
    constexpr std::string_view kLayers = "model.layers.";
    if (name == "model.embed_tokens.weight")
        return "token_embd.weight";
    if (name == "model.norm.weight")
        return "output_norm.weight";
    if (name == "lm_head.weight")
        return "output.weight";
    if (name.ends_with("rotary_emb.inv_freq"))
        return {};
    if (name.starts_with(kLayers))
        return layerName(name.substr(kLayers.size()), kLayerNames).value_or(std::string(name));
    return gpt2Name(name).value_or(std::string(name));
}

Result<std::shared_ptr<SafetensorsModel>>
SafetensorsModel::open(const std::filesystem::path& folder) {
    const auto names = partNames(folder);
    if (!names)
        return names.status();
    auto model = std::make_shared<SafetensorsModel>();
    model->m_folder = folder.string();
    for (const std::string& name : *names) {
        auto file = FileReader::open(folder / name);
        if (!file && names->size() > 1)
            return Status(Code::ModelPartMissing, {{"file", folder.string()},
                                                   {"count", std::to_string(names->size())},
                                                   {"problem", name + " cannot be opened"}});
        if (!file)
            return file.status();
        auto part = parseSafetensors(*file);
        if (!part)
            return part.status();
        model->addPart(*std::move(part));
    }
    INGLENOOK_TRY(model->indexTensors());
    auto hash = model->m_table.contentHash();
    if (!hash)
        return hash.status();
    model->m_contentHash = *std::move(hash);
    return model;
}

void SafetensorsModel::addPart(SafetensorsHeader part) {
    m_table.addFile(std::move(part.file), part.dataOffset);
    for (SafetensorsTensor& tensor : part.tensors) {
        std::string name = canonicalTensorName(tensor.info.name);
        if (name.empty())
            continue;
        tensor.info.name = std::move(name);
        m_table.add(std::move(tensor.info), tensor.offset);
    }
}

Status SafetensorsModel::indexTensors() {
    const std::string twice = m_table.sortByName();
    if (twice.empty())
        return {};
    return Status(Code::ModelDamaged, {{"file", m_folder},
                                       {"field", "tensor " + twice.substr(0, 64)},
                                       {"problem", PHRASE("Status", "is given twice")}});
}

Result<SafetensorsArray> readSafetensorsArray(const std::filesystem::path& path,
                                              std::string_view name) {
    const auto file = FileReader::open(path);
    if (!file)
        return file.status();
    const auto header = parseSafetensors(*file);
    if (!header)
        return header.status();
    for (const SafetensorsTensor& tensor : header->tensors) {
        if (tensor.info.name != name)
            continue;
        SafetensorsArray array;
        array.shape = tensor.info.shape;
        const std::uint64_t count = tensor.info.rows() * tensor.info.columns();
        try {
            if (tensor.info.type == TensorType::I32) {
                array.ints.resize(count);
                INGLENOOK_TRY(
                    (*file)->read(tensor.offset, std::as_writable_bytes(std::span(array.ints))));
                return array;
            }
            if (tensor.info.type == TensorType::F32) {
                array.floats.resize(count);
                INGLENOOK_TRY(
                    (*file)->read(tensor.offset, std::as_writable_bytes(std::span(array.floats))));
                return array;
            }
        } catch (const std::bad_alloc&) {
            return Status(Code::OutOfMemory,
                          {{"need", std::to_string(tensor.info.bytes) + " B"}, {"free", "less"}});
        }
        return Status(Code::ModelUnsupported,
                      {{"file", path.string()},
                       {"field", "the type of " + std::string(name)},
                       {"value", std::string(tensorTypeName(tensor.info.type))},
                       {"supported", "reference arrays are F32 or I32"}});
    }
    return Status(Code::TensorMissing, {{"file", path.string()}, {"tensor", std::string(name)}});
}

} // namespace engine
