#include "app/session/model_controller.h"

namespace app {

ModelController::ModelController(QObject* parent) : QObject(parent) {}

ModelController::~ModelController() = default;

} // namespace app
